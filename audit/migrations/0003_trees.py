from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_rights"),
    ]

    operations = [
        migrations.CreateModel(
            name="CheckpointLeaf",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("tree", models.TextField()),
                ("workspace_id", models.UUIDField(null=True)),
                ("size", models.BigIntegerField()),
                ("root", models.BinaryField()),
                ("leaf_hash", models.BinaryField()),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "audit_checkpoint_leaf",
            },
        ),
        migrations.CreateModel(
            name="Detail",
            fields=[
                ("entry_id", models.UUIDField(primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("workspace_id", models.UUIDField(null=True)),
                ("sealed", models.BinaryField()),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "audit_detail",
            },
        ),
        migrations.CreateModel(
            name="SignerGeneration",
            fields=[
                ("generation", models.SmallIntegerField(primary_key=True, serialize=False)),
                ("vkey", models.TextField()),
                ("began_at", models.DateTimeField()),
                ("overlap_until", models.DateTimeField()),
            ],
            options={
                "db_table": "audit_signer",
            },
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(
                condition=models.Q(("workspace_id__isnull", True)),
                fields=["organization_id", "-id"],
                name="audit_entry_cell_page",
            ),
        ),
        migrations.AddConstraint(
            model_name="checkpointleaf",
            constraint=models.UniqueConstraint(fields=("tree", "size"), name="audit_checkpoint_leaf_once"),
        ),
        migrations.AddIndex(
            model_name="detail",
            index=models.Index(fields=["created_at"], name="audit_detail_age"),
        ),
    ]
