import django.db.models.deletion
from django.db import migrations, models

import cell.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="EpochKey",
            fields=[
                ("id", models.UUIDField(default=cell.ids.uuid7, primary_key=True, serialize=False)),
                ("workspace_id", models.UUIDField()),
                ("day", models.DateField()),
                ("wrapped", models.BinaryField(null=True)),
                ("created_at", models.DateTimeField()),
                ("destroyed_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "keystore_epoch_key",
                "constraints": [
                    models.UniqueConstraint(models.F("workspace_id"), models.F("day"), name="keystore_epoch_key_day"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("destroyed_at__isnull", True), ("wrapped__isnull", False)),
                            models.Q(("destroyed_at__isnull", False), ("wrapped__isnull", True)),
                            _connector="OR",
                        ),
                        name="keystore_epoch_key_whole_or_destroyed",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Identity",
            fields=[
                ("singleton", models.BooleanField(default=True, primary_key=True, serialize=False)),
                ("region", models.TextField()),
            ],
            options={
                "db_table": "keystore_identity",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("singleton", True)), name="keystore_identity_one_row")
                ],
            },
        ),
        migrations.CreateModel(
            name="WorkspaceKey",
            fields=[
                ("id", models.UUIDField(default=cell.ids.uuid7, primary_key=True, serialize=False)),
                ("workspace_id", models.UUIDField(unique=True)),
                ("wrapped", models.BinaryField(null=True)),
                ("created_at", models.DateTimeField()),
                ("destroyed_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "keystore_workspace_key",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("destroyed_at__isnull", True), ("wrapped__isnull", False)),
                            models.Q(("destroyed_at__isnull", False), ("wrapped__isnull", True)),
                            _connector="OR",
                        ),
                        name="keystore_workspace_key_whole_or_destroyed",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DataKey",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("workspace_id", models.UUIDField()),
                ("wrapped", models.BinaryField(null=True)),
                ("created_at", models.DateTimeField()),
                ("destroyed_at", models.DateTimeField(null=True)),
                (
                    "epoch",
                    models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="keystore.epochkey"),
                ),
            ],
            options={
                "db_table": "keystore_data_key",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("destroyed_at__isnull", True), ("epoch__isnull", False), ("wrapped__isnull", False)
                            ),
                            models.Q(("destroyed_at__isnull", False), ("wrapped__isnull", True)),
                            _connector="OR",
                        ),
                        name="keystore_data_key_whole_or_destroyed",
                    )
                ],
            },
        ),
    ]
