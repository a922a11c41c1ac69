"""Who may do what with the ground floor's tables."""

from django.db import migrations

from cell.tenancy import AUDITOR, SEALER, WEB, grant

IDENTITY = [
    # Every region that a row names is this cell's, so every role may read it.
    "alter table cell_identity enable row level security",
    "alter table cell_identity force row level security",
    "create policy anyone on cell_identity for select using (true)",
    *(grant("cell_identity", role, ["select"]) for role in (WEB, SEALER, AUDITOR)),
]

_MINE = """
    organization_id is null
    or (workspace_id is null and organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)
    or workspace_id = nullif(current_setting('app.workspace_id', true), '')::uuid
"""

JOBS = [
    "alter table cell_job enable row level security",
    "alter table cell_job force row level security",
    # Jobs of the cell itself belong to no tenant; their arguments are ids, as everybody's are.
    f"create policy tenant on cell_job using ({_MINE}) with check ({_MINE})",
    f"create policy audit on cell_job for select to {AUDITOR} using (true)",
    grant("cell_job", WEB, ["select", "insert", "update"]),
    grant("cell_job", AUDITOR, ["select"]),
    # The sweeper and a woken worker know no tenant yet; these tell them no more than which job is whose.
    """
    create function cell_due_jobs(p_limit integer) returns table (id uuid)
    language sql security definer set search_path = pg_catalog, pg_temp
    as $$
        select job.id from public.cell_job job
        where job.state in ('queued', 'running') and job.run_after <= clock_timestamp()
          and (job.lease_until is null or job.lease_until < clock_timestamp())
        order by job.run_after limit p_limit
    $$
    """,
    """
    create function cell_job_tenant(p_id uuid) returns table (organization_id uuid, workspace_id uuid, environment text)
    language sql security definer set search_path = pg_catalog, pg_temp
    as $$ select job.organization_id, job.workspace_id, job.environment from public.cell_job job where job.id = p_id $$
    """,
    "revoke all on function cell_due_jobs(integer), cell_job_tenant(uuid) from public",
    f"grant execute on function cell_due_jobs(integer), cell_job_tenant(uuid) to {WEB}",
]


class Migration(migrations.Migration):
    dependencies = [("cell", "0001_initial")]
    operations = [migrations.RunSQL(tuple(IDENTITY)), migrations.RunSQL(tuple(JOBS))]
