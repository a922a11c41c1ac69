"""When the tables were written anew; and no samples of keys in the planner's statistics."""

from django.db import migrations, models

from cell.tenancy import AUDITOR

COLUMNS = (
    ("data_key", "wrapped"),
    ("epoch_key", "wrapped"),
    ("workspace_key", "wrapped"),
    ("named_key", "sealed"),
)
TRIGGERS = (("workspace_key", "wrapped, version", "workspace-key"), ("epoch_key", "wrapped", "epoch-key"))
VIEW = "keystore_material"
# A column's type, even its own, cannot be set while a view or a trigger names it; setting it is what forgets its samples.
DEFINITION = f"do $do$ begin execute format('create view {VIEW} as %s', current_setting('bailiwick.view')); end $do$"


class Migration(migrations.Migration):
    dependencies = [("keystore", "0004_named_key")]

    operations = [
        migrations.CreateModel(
            name="Rewrite",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("began_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField()),
                ("server", models.TextField()),
                ("lsn", models.TextField()),
            ],
            options={"db_table": "keystore_rewrite"},
        ),
        migrations.RunSQL(
            [
                f"grant select on keystore_rewrite to {AUDITOR}",
                f"select set_config('bailiwick.view', pg_get_viewdef('{VIEW}'::regclass), true)",
                f"drop view {VIEW}",
                *(f"drop trigger keystore_{table}_told on keystore_{table}" for table, _, _ in TRIGGERS),
                *(f"alter table keystore_{table} alter column {column} type bytea" for table, column in COLUMNS),
                *(f"alter table keystore_{table} alter column {column} set statistics 0" for table, column in COLUMNS),
                *(
                    f"create trigger keystore_{table}_told after insert or update of {columns} on keystore_{table}"
                    f" for each row execute function keystore_tell('{kind}')"
                    for table, columns, kind in TRIGGERS
                ),
                DEFINITION,
                f"grant select on {VIEW} to {AUDITOR}",
            ],
            migrations.RunSQL.noop,
        ),
    ]
