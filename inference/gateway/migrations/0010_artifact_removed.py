"""An artifact that nothing serves any more can be removed; its row says when."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

from cell.tenancy import WEB, grant


class Migration(migrations.Migration):
    dependencies: ClassVar = [("gateway", "0009_artifacts")]
    operations: ClassVar = [
        migrations.AddField("artifactrecord", "removed_at", models.DateTimeField(null=True)),
        migrations.RunSQL([grant("gateway_artifact", WEB, ["update (removed_at)"])], migrations.RunSQL.noop),
    ]
