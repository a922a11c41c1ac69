"""Usage: what each workspace asked for on each day, and how far it is counted.

The web role reads its tenant's figures and writes none: they are made from the requests' records by a function that runs as
the owner, because a count goes through the records of every tenant. It takes a day and says nothing of what it saw.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

from cell.tenancy import AUDITOR, WEB, grant, isolate

# No foreign key to the workspace: the records have none, and one of them without its workspace would stop everybody's count.
ISOLATION = [
    *isolate("gateway_usage"),
    f"create policy auditor on gateway_usage for select to {AUDITOR} using (true)",
    grant("gateway_usage", WEB, ["select"]),
    grant("gateway_usage", AUDITOR, ["select"]),
    # Of the cell, and not of a tenant: two moments.
    "alter table gateway_usage_count add constraint gateway_usage_count_once check (id = 1)",
    grant("gateway_usage_count", WEB, ["select", "update (open_day, counted_at)"]),
    grant("gateway_usage_count", AUDITOR, ["select"]),
]

FIRST_DAY = """
insert into gateway_usage_count (id, open_day)
select 1, coalesce(
    (select (started_at at time zone 'UTC')::date - 1 from gateway_request order by id limit 1),
    (now() at time zone 'UTC')::date - 1
)
"""

FIGURES = ("completed", "cancelled", "failed", "unknown", "prompt_tokens", "completion_tokens", "duration_ms")


def _each(form: str, separator: str = ", ") -> str:
    return separator.join(form.format(name) for name in FIGURES)


# A request's id begins with the milliseconds at which its first byte came, so a day is a range of the primary key.
FIRST_ID = """
create function gateway_first_request_of(p_day date) returns uuid
language sql immutable set search_path = pg_catalog, pg_temp as $$
    select (lpad(to_hex((extract(epoch from p_day) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid
$$
"""

# One count at a time, and each sees what was committed before it began: two would wait for each other's rows in turn. Records
# may be deleted after they were counted, for which no figure falls.
COUNT = f"""
create function gateway_count_usage(p_day date) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('gateway_count_usage', 0));
    insert into public.gateway_usage as known
        (workspace_id, organization_id, day, model, lane, kind, {_each("{0}")})
    select workspace_id, organization_id, p_day, model, lane, kind,
        count(*) filter (where status = 'completed'), count(*) filter (where status = 'cancelled'),
        count(*) filter (where status = 'failed'), count(*) filter (where status = 'unknown'),
        sum(prompt_tokens), sum(completion_tokens), sum(duration_ms)
    from public.gateway_request
    where id >= public.gateway_first_request_of(p_day) and id < public.gateway_first_request_of(p_day + 1)
    group by workspace_id, organization_id, model, lane, kind
    on conflict (workspace_id, day, model, lane, kind) do update
    set {_each("{0} = greatest(known.{0}, excluded.{0})")}
    where {_each("known.{0} < excluded.{0}", " or ")};
end
$$
"""

FUNCTIONS = [
    FIRST_ID,
    COUNT,
    "revoke all on function gateway_count_usage(date) from public",
    f"grant execute on function gateway_count_usage(date) to {WEB}",
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("gateway", "0003_departed_processes")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Usage",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id", "day", "model", "lane", "kind", blank=True, editable=False, serialize=False
                    ),
                ),
                ("workspace_id", models.UUIDField()),
                ("organization_id", models.UUIDField()),
                ("day", models.DateField()),
                ("model", models.TextField()),
                ("lane", models.TextField()),
                ("kind", models.TextField()),
                *((name, models.BigIntegerField()) for name in FIGURES),
            ],
            options={"db_table": "gateway_usage"},
        ),
        migrations.CreateModel(
            name="UsageCount",
            fields=[
                ("id", models.SmallIntegerField(primary_key=True, serialize=False)),
                ("open_day", models.DateField()),
                ("counted_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "gateway_usage_count"},
        ),
        migrations.RunSQL([*ISOLATION, FIRST_DAY, *FUNCTIONS], migrations.RunSQL.noop),
    ]
