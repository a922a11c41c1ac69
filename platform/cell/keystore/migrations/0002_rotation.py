"""Versions of keys, keys of customers' own, and a record of every operation on a workspace or epoch key."""

from django.db import migrations, models

# The entry's id is a UUIDv7, as every entry's, with what is below the millisecond after the version (RFC 9562, section 6.2,
# method 3): what is done in one transaction stays in its order.
TELL = """
create function keystore_tell() returns trigger language plpgsql as $$
declare
    digits text := replace(gen_random_uuid()::text, '-', '');
    moment timestamptz := clock_timestamp();
    micros bigint := (extract(epoch from moment) * 1000000)::bigint;
    parent record;
    kind text := tg_argv[0];
    what text;
begin
    if tg_op = 'INSERT' then
        if new.wrapped is not null then what := 'created'; end if;
    elsif old.wrapped is not null and new.wrapped is null then
        what := 'destroyed';
    elsif kind = 'workspace-key' then
        -- Not one condition with the one above: an epoch key's row has no version to look at.
        if new.version <> old.version then
            what := 'rotated';
        elsif new.wrapped is distinct from old.wrapped then
            what := 'rewrapped';
        end if;
    end if;
    if what is null then return null; end if;
    if kind = 'workspace-key' then
        parent := new;
    else
        select * into parent from keystore_workspace_key key where key.workspace_id = new.workspace_id;
    end if;
    insert into keystore_operation (id, workspace_id, organization_id, name, version, day, root, own, done_at) values (
        (lpad(to_hex(micros / 1000), 12, '0') || '7' || lpad(to_hex(micros % 1000 * 4096 / 1000), 3, '0')
            || substr(digits, 17))::uuid,
        new.workspace_id, parent.organization_id, kind || '.' || what, coalesce(parent.version, 1),
        case when kind = 'epoch-key' then (to_jsonb(new) ->> 'day')::date end,
        case when substr(parent.wrapped, 1, 1) = '\\x02'::bytea then encode(substr(parent.wrapped, 2, 8), 'hex') end,
        parent.own_root is not null, moment
    );
    return null;
end
$$
"""

TRIGGERS = [
    f"create trigger keystore_{table}_told after insert or update of {columns} on keystore_{table}"
    f" for each row execute function keystore_tell('{kind}')"
    for table, columns, kind in (
        ("workspace_key", "wrapped, version", "workspace-key"),
        ("epoch_key", "wrapped", "epoch-key"),
    )
]


class Migration(migrations.Migration):
    dependencies = [("keystore", "0001_initial")]

    operations = [
        migrations.AddField("Identity", "seed_id", models.TextField(null=True)),
        migrations.AddField("WorkspaceKey", "organization_id", models.UUIDField(null=True)),
        migrations.AddField("WorkspaceKey", "own_root", models.TextField(null=True)),
        migrations.AddField("WorkspaceKey", "version", models.PositiveIntegerField(db_default=1, default=1)),
        migrations.AddField("EpochKey", "parent_version", models.PositiveIntegerField(db_default=1, default=1)),
        migrations.CreateModel(
            name="Operation",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("workspace_id", models.UUIDField()),
                ("organization_id", models.UUIDField(null=True)),
                ("name", models.TextField()),
                ("version", models.PositiveIntegerField()),
                ("day", models.DateField(null=True)),
                ("root", models.TextField(null=True)),
                ("own", models.BooleanField()),
                ("done_at", models.DateTimeField()),
            ],
            options={"db_table": "keystore_operation"},
        ),
        migrations.RunSQL([TELL, *TRIGGERS], "drop function keystore_tell() cascade"),
    ]
