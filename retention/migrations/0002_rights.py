"""Row-level security, what the web role may do, and the trigger that keeps erased requests from coming back."""

from django.db import migrations

from cell.tenancy import AUDITOR, WEB, grant, isolate

_MINE = "workspace_id = nullif(current_setting('app.workspace_id', true), '')::uuid"

REFERENCES = [
    f"""alter table {table} add constraint {table}_workspace
        foreign key (organization_id, workspace_id) references workspaces_workspace (organization_id, id)"""
    for table in ("retention_policy", "retention_tombstone", "retention_erasure")
]

PAYLOADS = [
    "alter table retention_payload enable row level security",
    "alter table retention_payload force row level security",
    # One group commit holds payloads of many workspaces, so the writer is not tied to one; it reads and removes only its own.
    f"create policy append on retention_payload for insert to {WEB} with check (true)",
    f"create policy tenant on retention_payload for select to {WEB} using ({_MINE})",
    f"create policy remove on retention_payload for delete to {WEB} using ({_MINE})",
    grant("retention_payload", WEB, ["select", "insert", "delete"]),
]

ISOLATION = [
    *(
        statement
        for table in ("retention_policy", "retention_tombstone", "retention_erasure")
        for statement in isolate(table)
    ),
    grant(
        "retention_policy",
        WEB,
        ["select", "insert", "update (store_payloads, payload_days, reason, version, updated_at)"],
    ),
    # A tombstone stands for ever.
    grant("retention_tombstone", WEB, ["select", "insert"]),
    grant(
        "retention_erasure",
        WEB,
        [
            "select",
            "insert",
            "update (state, version, manifest, verifications, fenced_at, erased_at, statement, entry_id, certificate)",
        ],
    ),
]

AUDIT = [
    statement
    for table in ("retention_policy", "retention_payload", "retention_tombstone", "retention_erasure")
    for statement in (
        f"create policy audit on {table} for select to {AUDITOR} using (true)",
        grant(table, AUDITOR, ["select"]),
    )
]

# Writer and eraser meet on a lock that is the request's own: a writer that saw no tombstone has committed before the eraser
# goes on to sweep, and one that comes later sees it. A late row is dropped and not an error: it shares its statement with
# audit entries of other requests, which must be written.
REFUSE_ERASED = """
create function retention_refuse_erased() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform pg_advisory_xact_lock_shared(public.retention_lock_of(new.id));
    if exists (select from public.retention_tombstone where request_id = new.id and workspace_id = new.workspace_id) then
        return null;
    end if;
    return new;
end
$$
"""

FUNCTIONS = [
    """
    create function retention_lock_of(p_request uuid) returns bigint
    language sql immutable set search_path = pg_catalog, pg_temp as $$ select hashtextextended(p_request::text, 17) $$
    """,
    REFUSE_ERASED,
    "create trigger retention_payload_not_erased before insert on retention_payload"
    " for each row execute function retention_refuse_erased()",
    # Asked before the tenant's scope is open: by the gateway with a key it has just checked, and by the expiry task.
    """
    create function retention_policy_of(p_workspace uuid) returns table (store_payloads boolean, payload_days integer)
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
        select policy.store_payloads, policy.payload_days::integer
        from public.retention_policy policy where policy.workspace_id = p_workspace
    $$
    """,
    """
    create function retention_due_workspaces(p_default_days integer)
    returns table (organization_id uuid, workspace_id uuid, environment text)
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
        select workspace.organization_id, workspace.id, workspace.environment::text
        from public.workspaces_workspace workspace
        left join public.retention_policy policy on policy.workspace_id = workspace.id
        where exists (
            select from public.retention_payload payload
            where payload.workspace_id = workspace.id and payload.stored_at
                < clock_timestamp() - make_interval(days => coalesce(policy.payload_days, p_default_days))
        )
    $$
    """,
    """
    create function retention_is_erased(p_request uuid) returns boolean
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
        select exists (select from public.retention_tombstone where request_id = p_request)
    $$
    """,
    *(
        statement
        for function in (
            "retention_policy_of(uuid)",
            "retention_due_workspaces(integer)",
            "retention_is_erased(uuid)",
        )
        for statement in (
            f"revoke all on function {function} from public",
            f"grant execute on function {function} to {WEB}",
        )
    ),
]


class Migration(migrations.Migration):
    dependencies = [("retention", "0001_initial"), ("workspaces", "0002_isolation")]

    operations = [
        migrations.RunSQL([*REFERENCES, *PAYLOADS, *ISOLATION, *AUDIT, *FUNCTIONS], migrations.RunSQL.noop),
    ]
