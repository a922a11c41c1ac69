"""An erasure of a subject takes over the tombstones of requests that are being erased one by one: it, too, has to see them gone."""

from django.db import migrations

from cell.tenancy import WEB, grant


class Migration(migrations.Migration):
    dependencies = [("retention", "0006_backups")]

    operations = [
        migrations.RunSQL([grant("retention_tombstone", WEB, ["update (erasure_id)"])], migrations.RunSQL.noop)
    ]
