"""How an organization is reached, for the record of processing."""

from typing import ClassVar

from django.db import migrations, models

from cell.tenancy import WEB, grant

FIELDS = ("address", "contact", "representative", "dpo")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("workspaces", "0005_subprocessors")]

    operations: ClassVar = [
        *(
            migrations.AddField("organization", name, models.CharField(blank=True, default="", max_length=300))
            for name in FIELDS
        ),
        migrations.RunSQL(
            [grant("workspaces_organization", WEB, [f"update ({', '.join(FIELDS)})"])], migrations.RunSQL.noop
        ),
    ]
