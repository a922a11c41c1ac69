"""Who may do what with the tree of checkpoints, personal detail and signers; what an organization sees of the cell's tree."""

from django.db import migrations

from cell.tenancy import AUDITOR, SEALER, WEB, grant

_WORKSPACE = "nullif(current_setting('app.workspace_id', true), '')::uuid"
_ORGANIZATION = "nullif(current_setting('app.organization_id', true), '')::uuid"

# What every customer may see of what their operator did: entries of no organization, by how their bytes begin (the action is an
# entry's first member). Others of no organization may name another tenant's workspace, and stay the operator's.
OF_THE_CELL = ("cell.", "log.", "model.", "root-key.")
_PUBLIC = " or ".join(f"""body like '{{"action":"{family}%'::bytea""" for family in OF_THE_CELL)

CELL = [
    f"""
    create policy cell on audit_entry for select to {WEB} using (
        workspace_id is null and organization_id is null
        and {_ORGANIZATION} is not null and {_WORKSPACE} is null and ({_PUBLIC})
    )
    """,
    # Hashes alone: a proof in a tree of many tenants passes by the leaves of others.
    f"create policy shared on audit_node for select to {WEB} using (workspace_id is null)",
    f"create policy shared on audit_checkpoint for select to {WEB} using (workspace_id is null)",
    """
    create function audit_shared_leaves(p_tree text, p_starts bigint[], p_ends bigint[])
    returns table (place bigint, leaf_hash bytea)
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
        select entry.seq, entry.leaf_hash
        from unnest(p_starts, p_ends) as wanted (first, past)
        join public.audit_entry entry on entry.tree = 'cell' and entry.seq >= wanted.first and entry.seq < wanted.past
        where p_tree = 'cell'
        union all
        select leaf.number, leaf.leaf_hash
        from unnest(p_starts, p_ends) as wanted (first, past)
        join public.audit_checkpoint_leaf leaf on leaf.number >= wanted.first and leaf.number < wanted.past
        where p_tree = 'checkpoints'
    $$
    """,
    "revoke all on function audit_shared_leaves(text, bigint[], bigint[]) from public",
    f"grant execute on function audit_shared_leaves(text, bigint[], bigint[]) to {WEB}, {SEALER}, {AUDITOR}",
    # One figure over all tenants, for /metrics, whose process sees no tenant.
    """
    create function audit_oldest_unsealed_seconds() returns double precision
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
        select coalesce(greatest(extract(epoch from clock_timestamp() - min(occurred_at)), 0), 0)::double precision
        from public.audit_entry where seq is null
    $$
    """,
    "revoke all on function audit_oldest_unsealed_seconds() from public",
    f"grant execute on function audit_oldest_unsealed_seconds() to {WEB}, {SEALER}, {AUDITOR}",
]

LEAVES = [
    "alter table audit_checkpoint_leaf enable row level security",
    "alter table audit_checkpoint_leaf force row level security",
    f"""
    create policy tenant on audit_checkpoint_leaf for select to {WEB} using (
        workspace_id is null or workspace_id = {_WORKSPACE}
    )
    """,
    f"create policy seal_read on audit_checkpoint_leaf for select to {SEALER} using (true)",
    f"create policy seal on audit_checkpoint_leaf for insert to {SEALER} with check (true)",
    f"create policy audit on audit_checkpoint_leaf for select to {AUDITOR} using (true)",
    grant("audit_checkpoint_leaf", WEB, ["select"]),
    grant("audit_checkpoint_leaf", SEALER, ["select", "insert"]),
    grant("audit_checkpoint_leaf", AUDITOR, ["select"]),
]

DETAIL = [
    "alter table audit_detail enable row level security",
    "alter table audit_detail force row level security",
    f"""
    create policy tenant on audit_detail to {WEB} using (
        organization_id = {_ORGANIZATION} and (workspace_id is null or workspace_id = {_WORKSPACE})
    ) with check (
        organization_id = {_ORGANIZATION} and (workspace_id is null or workspace_id = {_WORKSPACE})
    )
    """,
    # What lost its key is swept by who sees all tenants and can open nothing here: ids and times, not the sealed bytes.
    f"create policy sweep_read on audit_detail for select to {SEALER} using (true)",
    f"create policy sweep on audit_detail for delete to {SEALER} using (true)",
    grant("audit_detail", WEB, ["select", "insert", "delete"]),
    grant("audit_detail", SEALER, ["select (entry_id, created_at)", "delete"]),
]

SIGNERS = [
    grant("audit_signer", WEB, ["select", "insert"]),
    grant("audit_signer", SEALER, ["select"]),
    grant("audit_signer", AUDITOR, ["select"]),
]

KEPT = [
    statement
    for table in ("audit_checkpoint_leaf", "audit_signer")
    for statement in (
        f"create trigger {table}_kept before update or delete on {table} for each row execute function audit_refuse()",
        f"create trigger {table}_not_emptied before truncate on {table} execute function audit_refuse()",
    )
]


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_trees")]

    operations = [migrations.RunSQL([*CELL, *LEAVES, *DETAIL, *SIGNERS, *KEPT], migrations.RunSQL.noop)]
