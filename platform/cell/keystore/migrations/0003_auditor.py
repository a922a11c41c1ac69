"""The auditor of the key store: sees which keys have material, and no material."""

from django.db import migrations

from cell.tenancy import AUDITOR

MATERIAL = """
create view keystore_material as
select 'data'::text as kind, id, workspace_id, wrapped is not null as has_material from keystore_data_key
union all
select 'epoch', id, workspace_id, wrapped is not null from keystore_epoch_key
union all
select 'workspace', id, workspace_id, wrapped is not null from keystore_workspace_key
"""


class Migration(migrations.Migration):
    dependencies = [("keystore", "0002_rotation")]

    operations = [
        migrations.RunSQL(
            [MATERIAL, f"grant select on keystore_material to {AUDITOR}"],
            "drop view keystore_material",
        )
    ]
