from django.db import migrations, models

import cell.ids


class Migration(migrations.Migration):
    dependencies = [
        ("keystore", "0003_auditor"),
    ]

    operations = [
        migrations.CreateModel(
            name="NamedKey",
            fields=[
                ("id", models.UUIDField(default=cell.ids.uuid7, primary_key=True, serialize=False)),
                ("owner_id", models.UUIDField()),
                ("purpose", models.TextField()),
                ("sealed", models.BinaryField(null=True)),
                ("number", models.IntegerField()),
                ("created_at", models.DateTimeField()),
                ("destroyed_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "keystore_named_key",
                "constraints": [
                    models.UniqueConstraint(
                        models.F("owner_id"), models.F("purpose"), name="keystore_named_key_purpose"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("destroyed_at__isnull", True), ("sealed__isnull", False)),
                            models.Q(("destroyed_at__isnull", False), ("sealed__isnull", True)),
                            _connector="OR",
                        ),
                        name="keystore_named_key_whole_or_destroyed",
                    ),
                ],
            },
        ),
    ]
