from django.db import migrations, models

import cell.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("id", models.UUIDField(default=cell.ids.uuid7, primary_key=True, serialize=False)),
                ("workspace_id", models.UUIDField()),
                ("organization_id", models.UUIDField()),
                ("request_id", models.UUIDField()),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("received", "Received"),
                            ("scoped", "Scoped"),
                            ("fenced", "Fenced"),
                            ("shredding", "Shredding"),
                            ("sweeping", "Sweeping"),
                            ("verifying", "Verifying"),
                            ("primary-erased", "Primary Erased"),
                            ("partial", "Partial"),
                        ],
                        default="received",
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1)),
                ("requestor", models.TextField()),
                ("manifest", models.JSONField(null=True)),
                ("verifications", models.PositiveIntegerField(default=0)),
                ("received_at", models.DateTimeField()),
                ("fenced_at", models.DateTimeField(null=True)),
                ("erased_at", models.DateTimeField(null=True)),
                ("statement", models.BinaryField(null=True)),
                ("entry_id", models.UUIDField(null=True)),
                ("certificate", models.TextField(null=True)),
            ],
            options={
                "db_table": "retention_erasure",
                "indexes": [models.Index(fields=["workspace_id", "-id"], name="retention_erasure_page")],
                "constraints": [
                    models.UniqueConstraint(fields=("workspace_id", "request_id"), name="retention_erasure_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    "received",
                                    "scoped",
                                    "fenced",
                                    "shredding",
                                    "sweeping",
                                    "verifying",
                                    "primary-erased",
                                    "partial",
                                ],
                            )
                        ),
                        name="retention_erasure_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("certificate__isnull", True),
                            models.Q(("entry_id__isnull", False), ("state", "primary-erased")),
                            _connector="OR",
                        ),
                        name="retention_erasure_certified_when_erased",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Payload",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("workspace_id", models.UUIDField()),
                ("organization_id", models.UUIDField()),
                ("stored_at", models.DateTimeField()),
                ("prompt", models.BinaryField()),
                ("answer", models.BinaryField()),
            ],
            options={
                "db_table": "retention_payload",
                "indexes": [models.Index(fields=["workspace_id", "stored_at"], name="retention_payload_age")],
            },
        ),
        migrations.CreateModel(
            name="RetentionPolicy",
            fields=[
                ("workspace_id", models.UUIDField(primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("store_payloads", models.BooleanField(default=False)),
                ("payload_days", models.PositiveSmallIntegerField(default=14)),
                ("reason", models.CharField(blank=True, default="", max_length=500)),
                ("version", models.PositiveIntegerField(default=1)),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "db_table": "retention_policy",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("payload_days__range", (7, 30)),
                            models.Q(("payload_days__range", (1, 3650)), models.Q(("reason", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="retention_policy_days",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Tombstone",
            fields=[
                ("request_id", models.UUIDField(primary_key=True, serialize=False)),
                ("workspace_id", models.UUIDField()),
                ("organization_id", models.UUIDField()),
                ("erasure_id", models.UUIDField()),
                ("fenced_at", models.DateTimeField()),
            ],
            options={
                "db_table": "retention_tombstone",
                "indexes": [models.Index(fields=["workspace_id"], name="retention_tombstone_workspace")],
            },
        ),
    ]
