from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("tree", models.TextField()),
                ("workspace_id", models.UUIDField(null=True)),
                ("size", models.BigIntegerField()),
                ("root", models.BinaryField()),
                ("range", models.BinaryField()),
                ("note", models.TextField()),
                ("created_at", models.DateTimeField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tree", "size", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
            ],
            options={
                "db_table": "audit_checkpoint",
            },
        ),
        migrations.CreateModel(
            name="TreeNode",
            fields=[
                ("tree", models.TextField()),
                ("workspace_id", models.UUIDField(null=True)),
                ("level", models.SmallIntegerField()),
                ("position", models.BigIntegerField()),
                ("hash", models.BinaryField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tree", "level", "position", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
            ],
            options={
                "db_table": "audit_node",
            },
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField(null=True)),
                ("workspace_id", models.UUIDField(null=True)),
                ("tree", models.TextField()),
                ("kind", models.SmallIntegerField()),
                ("occurred_at", models.DateTimeField()),
                ("body", models.BinaryField()),
                ("seq", models.BigIntegerField(null=True)),
                ("leaf_hash", models.BinaryField(null=True)),
            ],
            options={
                "db_table": "audit_entry",
                "indexes": [
                    models.Index(
                        condition=models.Q(("seq__isnull", True)), fields=["tree", "id"], name="audit_entry_unsealed"
                    ),
                    models.Index(fields=["workspace_id", "-id"], name="audit_entry_page"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("seq__isnull", False)), fields=("tree", "seq"), name="audit_entry_seq"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("leaf_hash__isnull", True), ("seq__isnull", True)),
                            models.Q(("leaf_hash__isnull", False), ("seq__isnull", False)),
                            _connector="OR",
                        ),
                        name="audit_entry_sealed_whole",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Export",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("workspace_id", models.UUIDField()),
                ("organization_id", models.UUIDField()),
                (
                    "state",
                    models.TextField(
                        choices=[("requested", "Requested"), ("ready", "Ready"), ("failed", "Failed")],
                        default="requested",
                    ),
                ),
                ("requested_at", models.DateTimeField()),
                ("completed_at", models.DateTimeField(null=True)),
                ("first", models.BigIntegerField(null=True)),
                ("end", models.BigIntegerField(null=True)),
                ("previous", models.UUIDField(null=True)),
                ("manifest_sha256", models.BinaryField(null=True)),
                ("size_bytes", models.BigIntegerField(null=True)),
            ],
            options={
                "db_table": "audit_export",
                "indexes": [models.Index(fields=["workspace_id", "-id"], name="audit_export_page")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "ready")),
                        fields=("workspace_id", "previous"),
                        name="audit_export_chain",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
    ]
