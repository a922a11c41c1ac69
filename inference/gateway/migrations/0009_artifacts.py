"""What the cell has compiled. The operator's commands connect as the web role; rows never change."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

from cell.tenancy import AUDITOR, WEB, grant


class Migration(migrations.Migration):
    dependencies: ClassVar = [("gateway", "0008_record_expiry")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="ArtifactRecord",
            fields=[
                ("address", models.TextField(primary_key=True, serialize=False)),
                ("checkpoint", models.TextField()),
                ("weights", models.TextField()),
                ("device", models.TextField()),
                ("report", models.JSONField()),
                ("made_at", models.DateTimeField()),
            ],
            options={
                "db_table": "gateway_artifact",
                "indexes": [models.Index(fields=["checkpoint", "-made_at"], name="gateway_artifact_of")],
            },
        ),
        migrations.RunSQL(
            [
                grant("gateway_artifact", WEB, ["select", "insert"]),
                grant("gateway_artifact", AUDITOR, ["select"]),
            ],
            migrations.RunSQL.noop,
        ),
    ]
