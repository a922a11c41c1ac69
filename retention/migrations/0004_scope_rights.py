"""Row-level security of fences and holds, and what the triggers refuse for them."""

from django.db import migrations

from cell.tenancy import AUDITOR, WEB, grant, isolate

TABLES = ("retention_fence", "retention_hold")

RIGHTS = [
    statement
    for table in TABLES
    for statement in (
        f"""alter table {table} add constraint {table}_workspace
            foreign key (organization_id, workspace_id) references workspaces_workspace (organization_id, id)""",
        *isolate(table),
        f"create policy audit on {table} for select to {AUDITOR} using (true)",
        grant(table, AUDITOR, ["select"]),
    )
] + [
    # A fence stands for ever; of a hold only its end is written later.
    grant("retention_fence", WEB, ["select", "insert"]),
    grant("retention_hold", WEB, ["select", "insert", "update (released_at)"]),
    grant("retention_tombstone", WEB, ["update (late)"]),
    grant("retention_erasure", WEB, ["update (final_statement, final_entry_id, final_certificate)"]),
]

# Every writer takes the locks of its request and of its workspace, shared; a fence takes its own exclusively, and so waits for
# writers that saw no fence and is seen by all later ones. The sweep then finds what the first wrote.
FUNCTIONS = [
    """
    create function retention_subject_lock_of(p_workspace uuid, p_subject bytea) returns bigint
    language sql immutable set search_path = pg_catalog, pg_temp as $$
        select hashtextextended(p_workspace::text || encode(p_subject, 'hex'), 18)
    $$
    """,
    """
    create or replace function retention_refuse_erased() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
    begin
        perform pg_advisory_xact_lock_shared(public.retention_lock_of(new.id));
        perform pg_advisory_xact_lock_shared(public.retention_lock_of(new.workspace_id));
        if exists (
            select from public.retention_tombstone where request_id = new.id and workspace_id = new.workspace_id
        ) or exists (
            select from public.retention_fence where workspace_id = new.workspace_id and subject is null
        ) then
            return null;
        end if;
        return new;
    end
    $$
    """,
    # Asked for a request that names a subject, when its rows are written: whether the subject, or the workspace, was erased after
    # the request began. Its payload, which the same statement may have written, then goes at once.
    """
    create function retention_fences(p_organization uuid, p_workspace uuid, p_subject bytea, p_request uuid)
    returns boolean
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
    declare
        fence public.retention_fence;
    begin
        perform pg_advisory_xact_lock_shared(public.retention_lock_of(p_workspace));
        perform pg_advisory_xact_lock_shared(public.retention_subject_lock_of(p_workspace, p_subject));
        if exists (select from public.retention_fence where workspace_id = p_workspace and subject is null) then
            return true;
        end if;
        select * into fence from public.retention_fence
        where workspace_id = p_workspace and subject = p_subject and p_request < before
        order by before limit 1;
        if not found then
            return false;
        end if;
        delete from public.retention_payload where id = p_request and workspace_id = p_workspace;
        insert into public.retention_tombstone (request_id, workspace_id, organization_id, erasure_id, fenced_at, late)
        values (p_request, p_workspace, p_organization, fence.erasure_id, fence.fenced_at, true)
        on conflict (request_id) do nothing;
        return true;
    end
    $$
    """,
    # For jobs of the cell, which know no tenant yet.
    """
    create function retention_late_requests()
    returns table (organization_id uuid, workspace_id uuid, environment text)
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
        select workspace.organization_id, workspace.id, workspace.environment::text
        from public.workspaces_workspace workspace
        where exists (
            select from public.retention_tombstone stone where stone.workspace_id = workspace.id and stone.late
        )
    $$
    """,
    """
    create function retention_aged_erasures(p_days integer)
    returns table (organization_id uuid, workspace_id uuid, environment text, erasure_id uuid)
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
        select workspace.organization_id, workspace.id, workspace.environment::text, erasure.id
        from public.retention_erasure erasure
        join public.workspaces_workspace workspace on workspace.id = erasure.workspace_id
        where erasure.certificate is not null and erasure.final_certificate is null
          and erasure.erased_at < clock_timestamp() - make_interval(days => p_days)
    $$
    """,
    """
    create function retention_open_erasures()
    returns table (erasure_id uuid, state text, received_at timestamptz)
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
        select id, state::text, received_at from public.retention_erasure where erased_at is null
    $$
    """,
    """
    create function retention_has_holds(p_workspace uuid) returns boolean
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
        select exists (select from public.retention_hold where workspace_id = p_workspace and released_at is null)
    $$
    """,
    *(
        statement
        for function in (
            "retention_has_holds(uuid)",
            "retention_late_requests()",
            "retention_aged_erasures(integer)",
            "retention_open_erasures()",
        )
        for statement in (
            f"revoke all on function {function} from public",
            f"grant execute on function {function} to {WEB}",
        )
    ),
    "revoke all on function retention_fences(uuid, uuid, bytea, uuid) from public",
]


class Migration(migrations.Migration):
    dependencies = [("retention", "0003_scopes"), ("workspaces", "0004_erased_workspaces")]

    operations = [migrations.RunSQL([*RIGHTS, *FUNCTIONS], migrations.RunSQL.noop)]
