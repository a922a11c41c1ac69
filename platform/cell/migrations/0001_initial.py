from django.db import migrations, models

import cell.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="CellIdentity",
            fields=[
                ("singleton", models.BooleanField(default=True, primary_key=True, serialize=False)),
                ("region", models.TextField(unique=True)),
                ("cell", models.TextField()),
                ("claimed_at", models.DateTimeField()),
            ],
            options={
                "db_table": "cell_identity",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("singleton", True)), name="cell_identity_one_row")
                ],
            },
        ),
        migrations.CreateModel(
            name="Job",
            fields=[
                ("id", models.UUIDField(default=cell.ids.uuid7, primary_key=True, serialize=False)),
                ("kind", models.TextField()),
                ("organization_id", models.UUIDField(null=True)),
                ("workspace_id", models.UUIDField(null=True)),
                ("environment", models.TextField()),
                ("args", models.JSONField()),
                ("effect_key", models.TextField()),
                (
                    "state",
                    models.TextField(
                        choices=[("queued", "Queued"), ("running", "Running"), ("done", "Done"), ("failed", "Failed")],
                        default="queued",
                    ),
                ),
                ("attempts", models.IntegerField(default=0)),
                ("max_attempts", models.IntegerField(null=True)),
                ("run_after", models.DateTimeField()),
                ("lease_owner", models.UUIDField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                ("result", models.JSONField(null=True)),
                ("error", models.TextField(default="")),
                ("created_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "cell_job",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["queued", "running"])),
                        fields=["run_after"],
                        name="cell_job_due",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "workspace_id", "effect_key"),
                        name="cell_job_effect",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["queued", "running", "done", "failed"])),
                        name="cell_job_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("workspace_id__isnull", True), ("organization_id__isnull", False), _connector="OR"
                        ),
                        name="cell_job_tenant",
                    ),
                ],
            },
        ),
    ]
