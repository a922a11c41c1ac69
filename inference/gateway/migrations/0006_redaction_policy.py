"""What each workspace decided about redaction: every version, of which none is changed or deleted.

The gateway asks for the version in force together with a key that it has just checked, and for the policy when it does not have
that version yet: before any tenant's scope is open, so through functions that run as the owner.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

from cell.tenancy import WEB, grant, isolate

FUNCTIONS = [
    """
    create function gateway_redaction_version_of(p_workspace uuid) returns integer
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
        select max(policy.version) from public.gateway_redaction_policy policy where policy.workspace_id = p_workspace
    $$
    """,
    """
    create function gateway_redaction_policy_of(p_workspace uuid, p_version integer) returns bytea
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
        select policy.compiled from public.gateway_redaction_policy policy
        where policy.workspace_id = p_workspace and policy.version = p_version
    $$
    """,
    *(
        statement
        for function in ("gateway_redaction_version_of(uuid)", "gateway_redaction_policy_of(uuid, integer)")
        for statement in (
            f"revoke all on function {function} from public",
            f"grant execute on function {function} to {WEB}",
        )
    ),
]

# No rights for the auditor: rules and lists may name people. That they changed, and how many there are, is in the log.
ISOLATION = [
    """alter table gateway_redaction_policy add constraint gateway_redaction_policy_workspace
       foreign key (organization_id, workspace_id) references workspaces_workspace (organization_id, id)""",
    *isolate("gateway_redaction_policy"),
    grant("gateway_redaction_policy", WEB, ["select", "insert"]),
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("gateway", "0005_deployments"), ("workspaces", "0002_isolation")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="RedactionPolicyVersion",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey("workspace_id", "version", blank=True, editable=False, serialize=False),
                ),
                ("workspace_id", models.UUIDField()),
                ("version", models.PositiveIntegerField()),
                ("organization_id", models.UUIDField()),
                ("document", models.JSONField()),
                ("compiled", models.BinaryField()),
                ("decided_at", models.DateTimeField()),
            ],
            options={"db_table": "gateway_redaction_policy"},
        ),
        migrations.RunSQL([*ISOLATION, *FUNCTIONS], migrations.RunSQL.noop),
    ]
