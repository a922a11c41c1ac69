"""Erasures of a subject and of a whole workspace, their fences, legal holds, and the second statement."""

from django.db import migrations, models

import cell.ids


class Migration(migrations.Migration):
    dependencies = [
        ("retention", "0002_rights"),
    ]

    operations = [
        migrations.CreateModel(
            name="Fence",
            fields=[
                ("erasure_id", models.UUIDField(primary_key=True, serialize=False)),
                ("workspace_id", models.UUIDField()),
                ("organization_id", models.UUIDField()),
                ("subject", models.BinaryField(null=True)),
                ("before", models.UUIDField()),
                ("fenced_at", models.DateTimeField()),
            ],
            options={
                "db_table": "retention_fence",
            },
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("id", models.UUIDField(default=cell.ids.uuid7, primary_key=True, serialize=False)),
                ("workspace_id", models.UUIDField()),
                ("organization_id", models.UUIDField()),
                ("subject", models.BinaryField(null=True)),
                ("request_id", models.UUIDField(null=True)),
                ("reason", models.CharField(max_length=500)),
                ("placed_at", models.DateTimeField()),
                ("released_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "retention_hold",
            },
        ),
        migrations.RemoveConstraint(
            model_name="erasure",
            name="retention_erasure_state",
        ),
        migrations.RemoveConstraint(
            model_name="erasure",
            name="retention_erasure_certified_when_erased",
        ),
        migrations.AddField(
            model_name="erasure",
            name="final_certificate",
            field=models.TextField(null=True),
        ),
        migrations.AddField(
            model_name="erasure",
            name="final_entry_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="erasure",
            name="final_statement",
            field=models.BinaryField(null=True),
        ),
        migrations.AddField(
            model_name="erasure",
            name="scope",
            field=models.TextField(
                choices=[("request", "Request"), ("subject", "Subject"), ("workspace", "Workspace")], default="request"
            ),
        ),
        migrations.AddField(
            model_name="erasure",
            name="subject",
            field=models.BinaryField(null=True),
        ),
        migrations.AddField(
            model_name="tombstone",
            name="late",
            field=models.BooleanField(default=False),
        ),
        migrations.AlterField(
            model_name="erasure",
            name="request_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AlterField(
            model_name="erasure",
            name="state",
            field=models.TextField(
                choices=[
                    ("received", "Received"),
                    ("scoped", "Scoped"),
                    ("held", "Held"),
                    ("fenced", "Fenced"),
                    ("shredding", "Shredding"),
                    ("sweeping", "Sweeping"),
                    ("verifying", "Verifying"),
                    ("primary-erased", "Primary Erased"),
                    ("partial", "Partial"),
                    ("beyond-recovery", "Beyond Recovery"),
                ],
                default="received",
            ),
        ),
        migrations.AddIndex(
            model_name="tombstone",
            index=models.Index(fields=["erasure_id"], name="retention_tombstone_erasure"),
        ),
        migrations.AddIndex(
            model_name="tombstone",
            index=models.Index(
                condition=models.Q(("late", True)), fields=["workspace_id"], name="retention_tombstone_late"
            ),
        ),
        migrations.AddConstraint(
            model_name="erasure",
            constraint=models.UniqueConstraint(
                condition=models.Q(("scope", "workspace")),
                fields=("workspace_id",),
                name="retention_erasure_workspace_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="erasure",
            constraint=models.UniqueConstraint(
                condition=models.Q(("erased_at__isnull", True), ("scope", "subject")),
                fields=("workspace_id", "subject"),
                name="retention_erasure_subject_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="erasure",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "received",
                            "scoped",
                            "held",
                            "fenced",
                            "shredding",
                            "sweeping",
                            "verifying",
                            "primary-erased",
                            "partial",
                            "beyond-recovery",
                        ],
                    )
                ),
                name="retention_erasure_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="erasure",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("request_id__isnull", False), ("scope", "request"), ("subject__isnull", True)),
                    models.Q(("request_id__isnull", True), ("scope", "subject"), ("subject__isnull", False)),
                    models.Q(("request_id__isnull", True), ("scope", "workspace"), ("subject__isnull", True)),
                    _connector="OR",
                ),
                name="retention_erasure_scope",
            ),
        ),
        migrations.AddConstraint(
            model_name="erasure",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("certificate__isnull", True),
                    models.Q(("entry_id__isnull", False), ("state__in", ("primary-erased", "beyond-recovery"))),
                    _connector="OR",
                ),
                name="retention_erasure_certified_when_erased",
            ),
        ),
        migrations.AddConstraint(
            model_name="erasure",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("final_certificate__isnull", True),
                    models.Q(
                        ("certificate__isnull", False), ("final_entry_id__isnull", False), ("state", "beyond-recovery")
                    ),
                    _connector="OR",
                ),
                name="retention_erasure_final_when_beyond_recovery",
            ),
        ),
        migrations.AddIndex(
            model_name="fence",
            index=models.Index(fields=["workspace_id", "subject"], name="retention_fence_subject"),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(
                condition=models.Q(("released_at__isnull", True)), fields=["workspace_id"], name="retention_hold_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(("subject__isnull", True), ("request_id__isnull", True), _connector="OR"),
                name="retention_hold_scope",
            ),
        ),
    ]
