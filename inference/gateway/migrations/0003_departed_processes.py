"""A process that ended in order says so: its share of the limits is the others' at once."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("gateway", "0002_erased_subjects")]
    operations: ClassVar = [migrations.AddField("webprocess", "left_at", models.DateTimeField(null=True))]
