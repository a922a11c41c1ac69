"""Schedules of exports and their deliveries, each seen by its workspace alone."""

from django.db import migrations, models

from cell.tenancy import AUDITOR, WEB, grant, isolate

RIGHTS = [
    statement
    for table in ("audit_schedule", "audit_delivery")
    for statement in (
        *isolate(table),
        f"create policy audit on {table} for select to {AUDITOR} using (true)",
        grant(table, WEB, ["select", "insert", "update"]),
        grant(table, AUDITOR, ["select"]),
    )
]


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_rights_of_trees")]

    operations = [
        migrations.CreateModel(
            name="ExportSchedule",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("workspace_id", models.UUIDField()),
                ("organization_id", models.UUIDField()),
                ("format", models.TextField()),
                ("interval_hours", models.PositiveIntegerField()),
                ("destination", models.JSONField()),
                ("secrets", models.BinaryField(null=True)),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("active", "Active"),
                            ("stopped", "Stopped"),
                            ("ending", "Ending"),
                            ("ended", "Ended"),
                        ],
                        default="active",
                    ),
                ),
                ("cause", models.TextField(default="")),
                ("version", models.PositiveIntegerField(default=1)),
                ("runs", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                ("next_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("ended_entry", models.UUIDField(null=True)),
            ],
            options={
                "db_table": "audit_schedule",
                "indexes": [models.Index(fields=["workspace_id", "-id"], name="audit_schedule_page")],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("schedule_id", models.UUIDField()),
                ("workspace_id", models.UUIDField()),
                ("organization_id", models.UUIDField()),
                (
                    "state",
                    models.TextField(
                        choices=[("prepared", "Prepared"), ("sent", "Sent"), ("acknowledged", "Acknowledged")],
                        default="prepared",
                    ),
                ),
                ("first", models.BigIntegerField()),
                ("end", models.BigIntegerField()),
                ("manifest_sha256", models.BinaryField()),
                ("size_bytes", models.BigIntegerField()),
                ("sent_lines", models.BigIntegerField(default=0)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("evidence", models.TextField(default="")),
                ("prepared_at", models.DateTimeField()),
                ("acknowledged_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "audit_delivery",
                "indexes": [models.Index(fields=["schedule_id", "-id"], name="audit_delivery_page")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "acknowledged"), _negated=True),
                        fields=("schedule_id",),
                        name="audit_delivery_one_open",
                    ),
                ],
            },
        ),
        migrations.RunSQL([*RIGHTS], migrations.RunSQL.noop),
    ]
