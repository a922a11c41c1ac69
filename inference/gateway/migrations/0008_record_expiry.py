"""Records of requests expire: the right to remove them, an index on those that name a subject by age, and what is due."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

from cell.tenancy import WEB, grant

STATEMENTS = [
    grant("gateway_request", WEB, ["delete"]),
    """
    create function gateway_first_request_at(p_at timestamptz) returns uuid
    language sql immutable set search_path = pg_catalog, pg_temp as $$
        select (lpad(to_hex((extract(epoch from p_at) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid
    $$
    """,
    # Both are kept for as long as the payloads to which they lead.
    *(
        f"""
        create function {name}(p_default_days integer, p_payload_days integer)
        returns table (organization_id uuid, workspace_id uuid, environment text)
        language sql stable security definer set search_path = pg_catalog, pg_temp as $$
            select workspace.organization_id, workspace.id, workspace.environment::text
            from public.workspaces_workspace workspace
            where exists (
                select from public.gateway_request request
                where request.workspace_id = workspace.id and {condition}
                  and request.id < public.gateway_first_request_at(now() - make_interval(days => greatest(
                      public.retention_days_of(workspace.id, '{data_class}', p_default_days),
                      public.retention_days_of(workspace.id, 'payloads', p_payload_days)
                  )))
            )
        $$
        """
        for name, data_class, condition in (
            ("gateway_due_subjects", "subjects", "request.subject is not null"),
            # Those of a day that is still open are yet to be counted.
            (
                "gateway_due_records",
                "request_records",
                "request.id < public.gateway_first_request_of((select open_day from public.gateway_usage_count))",
            ),
        )
    ),
    *(
        statement
        for function in ("gateway_due_subjects(integer, integer)", "gateway_due_records(integer, integer)")
        for statement in (
            f"revoke all on function {function} from public",
            f"grant execute on function {function} to {WEB}",
        )
    ),
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("gateway", "0007_fenced_subjects"), ("retention", "0005_classes")]

    operations: ClassVar = [
        migrations.AddIndex(
            model_name="requestrecord",
            index=models.Index(
                fields=["workspace_id", "id"],
                name="gateway_request_named",
                condition=models.Q(subject__isnull=False),
            ),
        ),
        migrations.RunSQL([*STATEMENTS], migrations.RunSQL.noop),
    ]
