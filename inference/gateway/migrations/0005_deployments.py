"""What is served under which name. The operator's commands connect as the web role; nobody deletes."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

from cell.tenancy import AUDITOR, WEB, grant


class Migration(migrations.Migration):
    dependencies: ClassVar = [("gateway", "0004_usage")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="DeploymentRecord",
            fields=[
                ("name", models.TextField(primary_key=True, serialize=False)),
                ("document", models.JSONField()),
                ("revision", models.IntegerField()),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={"db_table": "gateway_deployment"},
        ),
        migrations.RunSQL(
            [
                grant("gateway_deployment", WEB, ["select", "insert", "update"]),
                grant("gateway_deployment", AUDITOR, ["select"]),
            ],
            migrations.RunSQL.noop,
        ),
    ]
