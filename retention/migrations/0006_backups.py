"""The catalogue of backups, and how much of the ledger of tombstones this database knows."""

from django.db import migrations, models

from cell.tenancy import AUDITOR, WEB, grant

GENESIS = "0" * 64

RIGHTS = [
    statement
    for table in ("retention_replay", "retention_backup")
    for statement in (
        # No tenant's: ids of backups, counts, times and hashes. The owner alone writes them, but for the mark that moves forward.
        f"alter table {table} enable row level security",
        f"alter table {table} force row level security",
        f"create policy anyone on {table} for select using (true)",
        grant(table, WEB, ["select"]),
        grant(table, AUDITOR, ["select"]),
    )
] + [
    f"insert into retention_replay (singleton, lines, head, position) values (true, 0, '{GENESIS}', 0)",
]

FUNCTIONS = [
    # Each line of the ledger that this database was not told of: `pending` if its erasure is here and yet to be fenced (its job,
    # which died between the two, does it again), `held` if a hold came first, `unknown` if it is from another time. After a
    # replay there are tombstones without an erasure's row.
    """
    create function retention_strange_tombstones(p_erasures uuid[], p_requests uuid[])
    returns table (erasure_id uuid, standing text)
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
        select line.erasure, coalesce((
            select case when erasure.state = 'held' then 'held' else 'pending' end
            from public.retention_erasure erasure where erasure.id = line.erasure and erasure.fenced_at is null
        ), 'unknown')
        from unnest(p_erasures, p_requests) line (erasure, request)
        where not exists (
            select from public.retention_erasure erasure where erasure.id = line.erasure and erasure.fenced_at is not null
        )
          and not exists (select from public.retention_fence fence where fence.erasure_id = line.erasure)
          and not exists (select from public.retention_tombstone stone where stone.erasure_id = line.erasure)
          and not exists (select from public.retention_tombstone stone where stone.request_id = line.request)
    $$
    """,
    # Forward only, from the mark that the caller has seen, and never while a restore has not replayed.
    """
    create function retention_advance_replay(p_seen bigint, p_lines bigint, p_head text, p_position bigint) returns void
    language sql security definer set search_path = pg_catalog, pg_temp as $$
        update public.retention_replay set lines = p_lines, head = p_head, position = p_position, replayed_at = clock_timestamp()
        where lines = p_seen and p_lines > p_seen and restoring is null
    $$
    """,
    *(
        statement
        for function in (
            "retention_strange_tombstones(uuid[], uuid[])",
            "retention_advance_replay(bigint, bigint, text, bigint)",
        )
        for statement in (
            f"revoke all on function {function} from public",
            f"grant execute on function {function} to {WEB}",
        )
    ),
]


class Migration(migrations.Migration):
    dependencies = [("retention", "0005_classes")]

    operations = [
        migrations.CreateModel(
            name="Replay",
            fields=[
                ("singleton", models.BooleanField(default=True, primary_key=True, serialize=False)),
                ("lines", models.BigIntegerField(default=0)),
                ("head", models.TextField()),
                ("position", models.BigIntegerField(default=0)),
                ("restoring", models.UUIDField(null=True)),
                ("replayed_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "retention_replay",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("singleton", True)), name="retention_replay_one_row"),
                    models.CheckConstraint(
                        condition=models.Q(("lines__gte", 0), ("position__gte", 0)), name="retention_replay_forward"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Backup",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("begun_at", models.DateTimeField()),
                ("completed_at", models.DateTimeField(null=True)),
                ("region", models.TextField()),
                ("place", models.TextField()),
                ("ledger_lines", models.BigIntegerField(default=0)),
                ("ledger_head", models.TextField(default="")),
                ("keys_removed_at", models.DateTimeField(null=True)),
                ("removed_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "retention_backup",
                "indexes": [
                    models.Index(
                        condition=models.Q(("keys_removed_at__isnull", True)),
                        fields=["begun_at"],
                        name="retention_backup_keys",
                    )
                ],
            },
        ),
        migrations.RunSQL([*RIGHTS, *FUNCTIONS], migrations.RunSQL.noop),
    ]
