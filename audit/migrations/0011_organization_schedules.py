"""Schedules of an organization, and which schedule of a workspace follows one."""

from django.db import migrations, models

from cell.tenancy import WEB, grant

_WORKSPACE = "nullif(current_setting('app.workspace_id', true), '')::uuid"
_ORGANIZATION = "nullif(current_setting('app.organization_id', true), '')::uuid"
_MINE = f"organization_id = {_ORGANIZATION}"

RIGHTS = [
    "alter table audit_organization_schedule enable row level security",
    "alter table audit_organization_schedule force row level security",
    # A workspace's deliveries read it; only who acts in the whole organization changes it.
    f"create policy tenant on audit_organization_schedule for select to {WEB} using ({_MINE})",
    f"create policy decide on audit_organization_schedule for insert to {WEB} with check ({_MINE} and {_WORKSPACE} is null)",
    f"""
    create policy change on audit_organization_schedule for update to {WEB}
    using ({_MINE} and {_WORKSPACE} is null) with check ({_MINE} and {_WORKSPACE} is null)
    """,
    grant("audit_organization_schedule", WEB, ["select", "insert", "update"]),
    # How the schedules stand that follow one of the organization's. Each workspace's own stay its own.
    f"""
    create policy followers on audit_schedule for select to {WEB} using (
        follows is not null and {_MINE} and {_WORKSPACE} is null
    )
    """,
]


class Migration(migrations.Migration):
    dependencies = [("audit", "0010_deliveries")]

    operations = [
        migrations.CreateModel(
            name="OrganizationSchedule",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("format", models.TextField()),
                ("interval_hours", models.PositiveIntegerField()),
                ("destination", models.JSONField()),
                ("secrets", models.BinaryField(null=True)),
                ("version", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "state",
                    models.TextField(
                        choices=[("active", "Active"), ("ending", "Ending"), ("ended", "Ended")], default="active"
                    ),
                ),
                ("decided_by", models.JSONField(null=True)),
            ],
            options={
                "db_table": "audit_organization_schedule",
                "indexes": [models.Index(fields=["organization_id", "-id"], name="audit_org_schedule_page")],
            },
        ),
        migrations.AddField("ExportSchedule", "follows", models.UUIDField(null=True)),
        migrations.AddField("ExportSchedule", "followed_version", models.PositiveIntegerField(null=True)),
        migrations.AddConstraint(
            "ExportSchedule",
            models.UniqueConstraint(fields=("workspace_id", "follows"), name="audit_schedule_follows_once"),
        ),
        migrations.RunSQL([*RIGHTS], migrations.RunSQL.noop),
    ]
