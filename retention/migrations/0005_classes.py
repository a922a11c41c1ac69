"""Days by class of data, how far each class has expired, and what is due.

The functions compare with `now()`, which is stable within a statement, so that an index on what they compare is used.
"""

from django.db import migrations, models

from cell.tenancy import AUDITOR, WEB, grant, isolate

RIGHTS = [
    # Days are whole numbers within the longest that anybody may choose; which of them took a reason is the application's to know.
    """
    alter table retention_policy add constraint retention_policy_classes check (
        jsonb_typeof(classes) = 'object'
        and not jsonb_path_exists(classes, '$.* ? (@.type() != "number" || @ < 1 || @ > 3650 || @ != @.floor())')
    )
    """,
    grant("retention_policy", WEB, ["update (classes)"]),
    """
    alter table retention_progress add constraint retention_progress_workspace
        foreign key (organization_id, workspace_id) references workspaces_workspace (organization_id, id)
    """,
    *isolate("retention_progress"),
    f"create policy audit on retention_progress for select to {AUDITOR} using (true)",
    grant("retention_progress", AUDITOR, ["select"]),
    grant("retention_progress", WEB, ["select", "insert", "update (reached)"]),
]

FUNCTIONS = [
    """
    create function retention_days_of(p_workspace uuid, p_class text, p_default integer) returns integer
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
        select coalesce((
            select case when p_class = 'payloads' then policy.payload_days::integer
                else (policy.classes ->> p_class)::integer end
            from public.retention_policy policy where policy.workspace_id = p_workspace
        ), p_default)
    $$
    """,
    # For those who expire what leads to payloads: not before those are gone, which a hold or a backlog may delay.
    """
    create function retention_keeps_payload(p_request uuid) returns boolean
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
        select exists (select from public.retention_payload where id = p_request)
    $$
    """,
    """
    create or replace function retention_due_workspaces(p_default_days integer)
    returns table (organization_id uuid, workspace_id uuid, environment text)
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
        select workspace.organization_id, workspace.id, workspace.environment::text
        from public.workspaces_workspace workspace
        left join public.retention_policy policy on policy.workspace_id = workspace.id
        where exists (
            select from public.retention_payload payload
            where payload.workspace_id = workspace.id and payload.stored_at
                < now() - make_interval(days => coalesce(policy.payload_days, p_default_days))
        )
    $$
    """,
    """
    create function retention_due_exports(p_default_days integer)
    returns table (organization_id uuid, workspace_id uuid, environment text)
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
        select workspace.organization_id, workspace.id, workspace.environment::text
        from public.workspaces_workspace workspace
        left join public.retention_progress progress
            on progress.workspace_id = workspace.id and progress.data_class = 'exports'
        where exists (
            select from (
                select completed_at as done_at from public.audit_export export
                where export.workspace_id = workspace.id and export.state = 'ready'
                union all
                select acknowledged_at from public.audit_delivery delivery
                where delivery.workspace_id = workspace.id and delivery.state = 'acknowledged'
            ) done
            where (progress.reached is null or done_at > progress.reached) and done_at
                < now() - make_interval(days => public.retention_days_of(workspace.id, 'exports', p_default_days))
        )
    $$
    """,
    # Workspaces in which a class was last made new longer ago than it is kept; at first since the workspace was made.
    """
    create function retention_due_renewals(p_class text, p_default_days integer)
    returns table (organization_id uuid, workspace_id uuid, environment text, reached timestamptz)
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
        select organization_id, id, environment, reached from (
            select workspace.organization_id, workspace.id, workspace.environment::text,
                coalesce(progress.reached, workspace.created_at) as reached
            from public.workspaces_workspace workspace
            left join public.retention_progress progress
                on progress.workspace_id = workspace.id and progress.data_class = p_class
            where workspace.state <> 'erased'
        ) known
        where reached < now() - make_interval(days => public.retention_days_of(known.id, p_class, p_default_days))
    $$
    """,
    *(
        statement
        for function in (
            "retention_days_of(uuid, text, integer)",
            "retention_keeps_payload(uuid)",
            "retention_due_exports(integer)",
            "retention_due_renewals(text, integer)",
        )
        for statement in (
            f"revoke all on function {function} from public",
            f"grant execute on function {function} to {WEB}",
        )
    ),
]


class Migration(migrations.Migration):
    dependencies = [
        ("retention", "0004_scope_rights"),
        ("audit", "0010_deliveries"),
        ("workspaces", "0004_erased_workspaces"),
    ]

    operations = [
        migrations.AddField(
            model_name="retentionpolicy",
            name="classes",
            field=models.JSONField(default=dict),
        ),
        migrations.CreateModel(
            name="Progress",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id", "data_class", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("workspace_id", models.UUIDField()),
                ("organization_id", models.UUIDField()),
                ("data_class", models.TextField()),
                ("reached", models.DateTimeField()),
            ],
            options={"db_table": "retention_progress"},
        ),
        migrations.RunSQL([*RIGHTS, *FUNCTIONS], migrations.RunSQL.noop),
    ]
