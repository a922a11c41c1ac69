"""Who co-signs which tree, seen by its workspace alone, and the co-signatures, which nobody changes."""

from django.db import migrations, models

from cell.tenancy import AUDITOR, SEALER, WEB, grant, isolate

_WORKSPACE = "nullif(current_setting('app.workspace_id', true), '')::uuid"
_OWN_TREE = """
    case when workspace_id is null then tree in ('cell', 'checkpoints')
    else left(tree, 3) = 'ws_' and right(tree, 32) = replace(workspace_id::text, '-', '') end
"""

WITNESSES = [
    *isolate("audit_witness"),
    # Nobody has the checkpoints of another workspace sent to a witness of their own, whoever writes the row.
    f"alter table audit_witness add constraint audit_witness_own_tree check ({_OWN_TREE})",
    f"create policy ask_read on audit_witness for select to {SEALER} using (true)",
    f"create policy ask on audit_witness for update to {SEALER} using (true) with check (true)",
    # Those of the cell are the configuration's, whose process this is.
    f"create policy cell_named on audit_witness for insert to {SEALER} with check (workspace_id is null)",
    f"create policy cell_dropped on audit_witness for delete to {SEALER} using (workspace_id is null)",
    f"create policy audit on audit_witness for select to {AUDITOR} using (true)",
    # A workspace names and drops; how far its witnesses are only the one who asks them says.
    grant("audit_witness", WEB, ["select", "insert", "delete"]),
    grant(
        "audit_witness",
        SEALER,
        ["select", "insert", "delete", "update (size, cosigned_at, next_at, failures, cause, refused_at)"],
    ),
    grant("audit_witness", AUDITOR, ["select"]),
]

COSIGNATURES = [
    "alter table audit_cosignature enable row level security",
    "alter table audit_cosignature force row level security",
    f"alter table audit_cosignature add constraint audit_cosignature_own_tree check ({_OWN_TREE})",
    f"""
    create policy tenant on audit_cosignature for select to {WEB} using (
        workspace_id is null or workspace_id = {_WORKSPACE}
    )
    """,
    f"create policy ask_read on audit_cosignature for select to {SEALER} using (true)",
    f"create policy ask on audit_cosignature for insert to {SEALER} with check (true)",
    f"create policy audit on audit_cosignature for select to {AUDITOR} using (true)",
    grant("audit_cosignature", WEB, ["select"]),
    grant("audit_cosignature", SEALER, ["select", "insert"]),
    grant("audit_cosignature", AUDITOR, ["select"]),
    "create trigger audit_cosignature_kept before update or delete on audit_cosignature"
    " for each row execute function audit_refuse()",
    "create trigger audit_cosignature_not_emptied before truncate on audit_cosignature execute function audit_refuse()",
]

# Figures over all tenants, for /metrics, whose process sees none.
FIGURES = [
    """
    create function audit_cell_witnesses() returns table (vkey text, lag_seconds double precision, refusing boolean)
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
        select w.vkey,
            -- From when it was named at the earliest; greatest() passes over a null, so that is asked first.
            max(case when next.created_at is null then 0
                else extract(epoch from clock_timestamp() - greatest(next.created_at, w.created_at)) end)::double precision,
            bool_or(w.refused_at is not null)
        from public.audit_witness w
        left join lateral (
            select c.created_at from public.audit_checkpoint c
            where c.tree = w.tree and c.size > w.size order by c.size limit 1
        ) next on true
        where w.workspace_id is null group by w.vkey
    $$
    """,
    """
    create function audit_workspace_witnesses() returns table (named bigint, failing bigint, refusing bigint)
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
        select count(*), count(*) filter (where failures > 0), count(*) filter (where refused_at is not null)
        from public.audit_witness where workspace_id is not null
    $$
    """,
    *(
        statement
        for name in ("audit_cell_witnesses()", "audit_workspace_witnesses()")
        for statement in (
            f"revoke all on function {name} from public",
            f"grant execute on function {name} to {WEB}, {SEALER}, {AUDITOR}",
        )
    ),
]


class Migration(migrations.Migration):
    dependencies = [("audit", "0011_organization_schedules")]

    operations = [
        migrations.CreateModel(
            name="Cosignature",
            fields=[
                ("tree", models.TextField()),
                ("workspace_id", models.UUIDField(null=True)),
                ("size", models.BigIntegerField()),
                ("vkey", models.TextField()),
                ("line", models.TextField()),
                ("created_at", models.DateTimeField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tree", "size", "vkey", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
            ],
            options={"db_table": "audit_cosignature"},
        ),
        migrations.CreateModel(
            name="TreeWitness",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField(null=True)),
                ("workspace_id", models.UUIDField(null=True)),
                ("tree", models.TextField()),
                ("vkey", models.TextField()),
                ("url", models.TextField(default="")),
                ("ca", models.TextField(default="")),
                ("created_at", models.DateTimeField()),
                ("size", models.BigIntegerField(default=0)),
                ("cosigned_at", models.DateTimeField(null=True)),
                ("next_at", models.DateTimeField()),
                ("failures", models.PositiveIntegerField(default=0)),
                ("cause", models.TextField(default="")),
                ("refused_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "audit_witness",
                "constraints": [models.UniqueConstraint(fields=["tree", "vkey"], name="audit_witness_once")],
                "indexes": [
                    models.Index(fields=["next_at"], name="audit_witness_due"),
                    models.Index(fields=["workspace_id"], name="audit_witness_workspace"),
                ],
            },
        ),
        migrations.RunSQL([*WITNESSES, *COSIGNATURES, *FIGURES], migrations.RunSQL.noop),
    ]
