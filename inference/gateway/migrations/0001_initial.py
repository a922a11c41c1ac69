"""The record of each request and the list of web processes.

A batch of group commit mixes tenants, so the web role may insert any row; it sees and changes only its tenant's own, and of
those only the subject, which erasure clears.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

from cell.tenancy import AUDITOR, WEB, grant

MINE = "workspace_id = nullif(current_setting('app.workspace_id', true), '')::uuid"

STATEMENTS = [
    "alter table gateway_request enable row level security",
    "alter table gateway_request force row level security",
    f"create policy tenant on gateway_request using ({MINE}) with check ({MINE})",
    f"create policy batch on gateway_request for insert to {WEB} with check (true)",
    f"create policy auditor on gateway_request for select to {AUDITOR} using (true)",
    grant("gateway_request", WEB, ["select", "insert", "update (subject)"]),
    grant("gateway_request", AUDITOR, ["select"]),
    grant("gateway_process", WEB, ["select", "insert", "update", "delete"]),
    grant("gateway_process", AUDITOR, ["select"]),
]


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar = []

    operations: ClassVar = [
        migrations.CreateModel(
            name="RequestRecord",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("workspace_id", models.UUIDField()),
                ("organization_id", models.UUIDField()),
                ("key_id", models.UUIDField()),
                ("kind", models.TextField()),
                ("model", models.TextField()),
                ("lane", models.TextField()),
                ("streamed", models.BooleanField()),
                ("subject", models.BinaryField(null=True)),
                ("status", models.TextField()),
                ("http_status", models.SmallIntegerField()),
                ("finish_reason", models.TextField(null=True)),
                ("prompt_tokens", models.IntegerField()),
                ("completion_tokens", models.IntegerField()),
                ("redactions", models.JSONField()),
                ("started_at", models.DateTimeField()),
                ("duration_ms", models.IntegerField()),
            ],
            options={"db_table": "gateway_request"},
        ),
        migrations.CreateModel(
            name="WebProcess",
            fields=[
                ("tag", models.IntegerField(primary_key=True, serialize=False)),
                ("started_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
            ],
            options={"db_table": "gateway_process"},
        ),
        migrations.AddIndex(
            model_name="requestrecord",
            index=models.Index(fields=["workspace_id", "-id"], name="gateway_request_page"),
        ),
        migrations.AddIndex(
            model_name="requestrecord",
            index=models.Index(
                fields=["workspace_id", "subject"],
                name="gateway_request_subject",
                condition=models.Q(subject__isnull=False),
            ),
        ),
        migrations.RunSQL([*STATEMENTS], migrations.RunSQL.noop),
    ]
