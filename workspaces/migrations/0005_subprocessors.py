"""Lists of sub-processors, the notice of them, what owners acknowledged, and agreements that they accepted.

Nothing of it can be changed or deleted afterwards: no role but the owner of the tables has the right.
"""

from __future__ import annotations

from typing import Any, ClassVar

import django.db.models.deletion
from django.db import migrations, models

import cell.ids
from cell.tenancy import AUDITOR, WEB, grant, isolate

TENANTS = (
    "workspaces_subprocessornotice",
    "workspaces_subprocessoracknowledgement",
    "workspaces_agreementacceptance",
)

RIGHTS = [
    """alter table workspaces_subprocessornotice add constraint subprocessor_notice_workspace
       foreign key (organization_id, workspace_id) references workspaces_workspace (organization_id, id)""",
    *(statement for table in TENANTS for statement in isolate(table, "organization_id")),
    *(grant(table, WEB, ["select", "insert"]) for table in TENANTS),
    # The operator's command connects as the web role.
    grant("workspaces_subprocessorversion", WEB, ["select", "insert", "update (announced_at)"]),
    grant("workspaces_subprocessorversion", AUDITOR, ["select"]),
]

# Runs as the owner: the job that gives notice belongs to no organization. It names workspaces and nothing of them.
NOTICES_DUE = """
create function subprocessor_notices_due(p_version integer, p_limit integer)
returns table (organization_id uuid, workspace_id uuid, environment text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select w.organization_id, w.id, w.environment::text
    from public.workspaces_workspace w
    join public.workspaces_subprocessorversion v on v.version = p_version and w.created_at < v.published_at
    where w.state <> 'erased' and not exists (
        select from public.workspaces_subprocessornotice n where n.version = p_version and n.workspace_id = w.id
    )
    order by w.id limit p_limit
$$
"""

FUNCTIONS = [
    NOTICES_DUE,
    "revoke all on function subprocessor_notices_due(integer, integer) from public",
    f"grant execute on function subprocessor_notices_due(integer, integer) to {WEB}",
]


def _id() -> tuple[str, Any]:
    return ("id", models.UUIDField(default=cell.ids.uuid7, editable=False, primary_key=True, serialize=False))


def _organization() -> tuple[str, Any]:
    field: Any = models.ForeignKey(
        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="workspaces.organization"
    )
    return ("organization", field)


def _once(fields: list[str], name: str) -> dict[str, Any]:
    return {"constraints": [models.UniqueConstraint(fields=fields, name=name)]}


class Migration(migrations.Migration):
    dependencies: ClassVar = [("workspaces", "0004_erased_workspaces")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="SubprocessorVersion",
            fields=[
                ("version", models.PositiveIntegerField(primary_key=True, serialize=False)),
                ("document", models.JSONField()),
                ("published_at", models.DateTimeField()),
                ("objections_until", models.DateTimeField()),
                ("announced_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="SubprocessorNotice",
            fields=[
                _id(),
                ("version", models.PositiveIntegerField()),
                ("announced_at", models.DateTimeField()),
                _organization(),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="workspaces.workspace",
                    ),
                ),
            ],
            options=_once(["version", "workspace"], "subprocessor_notice_once"),
        ),
        migrations.CreateModel(
            name="SubprocessorAcknowledgement",
            fields=[
                _id(),
                ("version", models.PositiveIntegerField()),
                ("acknowledged_by", models.TextField()),
                ("acknowledged_at", models.DateTimeField()),
                _organization(),
            ],
            options=_once(["organization", "version"], "subprocessor_acknowledged_once"),
        ),
        migrations.CreateModel(
            name="AgreementAcceptance",
            fields=[
                _id(),
                ("version", models.TextField()),
                ("reference", models.TextField()),
                ("sha256", models.TextField(null=True)),
                ("accepted_by", models.TextField()),
                ("accepted_at", models.DateTimeField()),
                _organization(),
            ],
            options=_once(["organization", "version"], "agreement_accepted_once"),
        ),
        migrations.RunSQL([*RIGHTS, *FUNCTIONS], migrations.RunSQL.noop),
    ]
