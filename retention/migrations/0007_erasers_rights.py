"""What erasers need besides: to take over tombstones of requests that are being erased one by one, to clear the reasons of
holds that have ended, and, as the auditor, to count what is sealed beside the log.
"""

from django.db import migrations

from cell.tenancy import AUDITOR, WEB, grant

STATEMENTS = [
    grant("retention_tombstone", WEB, ["update (erasure_id)"]),
    grant("retention_hold", WEB, ["update (reason)"]),
    f"create policy audit on audit_detail for select to {AUDITOR} using (true)",
    grant("audit_detail", AUDITOR, ["select (entry_id, workspace_id)"]),
]


class Migration(migrations.Migration):
    dependencies = [("retention", "0006_backups"), ("audit", "0004_rights_of_trees")]

    operations = [migrations.RunSQL([*STATEMENTS], migrations.RunSQL.noop)]
