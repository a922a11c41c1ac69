"""Who may do what with the log: everyone adds, the sealer numbers, nobody changes, each tenant reads its own."""

from django.db import migrations

from cell.tenancy import AUDITOR, SEALER, WEB, grant, isolate

_WORKSPACE = "nullif(current_setting('app.workspace_id', true), '')::uuid"
_ORGANIZATION = "nullif(current_setting('app.organization_id', true), '')::uuid"

ENTRIES = [
    # An entry of one workspace cannot be put into the tree of another, whoever writes it.
    """
    alter table audit_entry add constraint audit_entry_own_tree check (
        case when workspace_id is null then tree = 'cell'
        else left(tree, 3) = 'ws_' and right(tree, 32) = replace(workspace_id::text, '-', '') end
    )
    """,
    "alter table audit_entry enable row level security",
    "alter table audit_entry force row level security",
    # One group commit holds entries of many workspaces, so the writer is not tied to one; it can number nothing.
    f"create policy append on audit_entry for insert to {WEB} with check (seq is null and leaf_hash is null)",
    f"""
    create policy tenant on audit_entry for select to {WEB} using (
        workspace_id = {_WORKSPACE} or (workspace_id is null and organization_id = {_ORGANIZATION})
    )
    """,
    f"create policy seal_read on audit_entry for select to {SEALER} using (true)",
    f"create policy seal on audit_entry for update to {SEALER} using (seq is null) with check (true)",
    f"create policy audit on audit_entry for select to {AUDITOR} using (true)",
    grant("audit_entry", WEB, ["select", "insert"]),
    grant("audit_entry", SEALER, ["select", "update (seq, leaf_hash)"]),
    grant("audit_entry", AUDITOR, ["select"]),
    # Grants do not bind the owner; the triggers do, until somebody drops them, which the signed checkpoints outlive.
    """
    create function audit_refuse() returns trigger language plpgsql as $$
    begin
        raise exception 'the audit log is append-only' using errcode = 'insufficient_privilege';
    end
    $$
    """,
    """
    create trigger audit_entry_only_numbered before update on audit_entry for each row when (not (
        old.seq is null and new.seq is not null
        and new.leaf_hash is not distinct from sha256('\\x00'::bytea || old.body)
        and (old.id, old.organization_id, old.workspace_id, old.tree, old.kind, old.occurred_at, old.body)
            is not distinct from
            (new.id, new.organization_id, new.workspace_id, new.tree, new.kind, new.occurred_at, new.body)
    )) execute function audit_refuse()
    """,
    "create trigger audit_entry_kept before delete on audit_entry for each row execute function audit_refuse()",
    "create trigger audit_entry_not_emptied before truncate on audit_entry execute function audit_refuse()",
]

TREES = [
    statement
    for table in ("audit_node", "audit_checkpoint")
    for statement in (
        f"alter table {table} enable row level security",
        f"alter table {table} force row level security",
        f"create policy tenant on {table} for select to {WEB} using (workspace_id = {_WORKSPACE})",
        f"create policy seal_read on {table} for select to {SEALER} using (true)",
        f"create policy seal on {table} for insert to {SEALER} with check (true)",
        f"create policy audit on {table} for select to {AUDITOR} using (true)",
        grant(table, WEB, ["select"]),
        grant(table, SEALER, ["select", "insert"]),
        grant(table, AUDITOR, ["select"]),
        f"create trigger {table}_kept before update or delete on {table} for each row execute function audit_refuse()",
        f"create trigger {table}_not_emptied before truncate on {table} execute function audit_refuse()",
    )
]

EXPORTS = [
    *isolate("audit_export"),
    f"create policy audit on audit_export for select to {AUDITOR} using (true)",
    grant("audit_export", WEB, ["select", "insert", "update"]),
    grant("audit_export", AUDITOR, ["select"]),
]


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunSQL([*ENTRIES, *TREES, *EXPORTS], migrations.RunSQL.noop)]
