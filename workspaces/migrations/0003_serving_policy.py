"""How a workspace is served, in a table of its own: what the limits grew into. Its readers are those of the workspace."""

from typing import Any

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import workspaces.models
from cell.tenancy import WEB, grant, isolate

ISOLATION = [
    """alter table workspaces_servingpolicy add constraint serving_workspace
       foreign key (organization_id, workspace_id) references workspaces_workspace (organization_id, id)""",
    *isolate("workspaces_servingpolicy", "organization_id"),
    grant(
        "workspaces_servingpolicy",
        WEB,
        [
            "select",
            "insert",
            "update (preset, cache_scope, lanes, concurrency, realtime_reserve_percent, requests_per_minute,"
            " tokens_per_minute, queued_tokens, weight_percent, version)",
        ],
    ),
]

KEEP_LIMITS = """
insert into workspaces_servingpolicy (
    workspace_id, organization_id, cache_scope, lanes, concurrency, realtime_reserve_percent, requests_per_minute,
    tokens_per_minute, weight_percent, version
)
select id, organization_id, 'workspace', array['realtime', 'standard', 'batch'], concurrency, 10, requests_per_minute,
       least(requests_per_minute * 1000::bigint, 1000000000), 100, 1
from workspaces_workspace
"""

# Runs as the owner: who is asking is not known yet. What it returns has grown, so it is made anew.
RESOLVE_KEY = """
create function resolve_key(p_key_id text)
returns table (
    key uuid, secret_hash bytea, organization_id uuid, workspace_id uuid, scopes text[], expires_at timestamptz,
    revoked_at timestamptz, cidrs text[], region text, environment text, state text, preset text, cache_scope text,
    lanes text[], concurrency integer, realtime_reserve_percent integer, requests_per_minute integer,
    tokens_per_minute integer, queued_tokens integer, weight_percent integer, serving_version integer
)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select k.id, k.secret_hash, k.organization_id, k.workspace_id, k.scopes::text[], k.expires_at,
           k.revoked_at, k.cidrs::text[], w.region::text, w.environment::text, w.state::text, s.preset::text,
           s.cache_scope::text, s.lanes::text[], s.concurrency, s.realtime_reserve_percent::integer,
           s.requests_per_minute, s.tokens_per_minute, s.queued_tokens, s.weight_percent::integer, s.version
    from public.workspaces_key k
    left join public.workspaces_workspace w on w.id = k.workspace_id
    left join public.workspaces_servingpolicy s on s.workspace_id = k.workspace_id
    where k.key_id = p_key_id
$$
"""

FUNCTIONS = [
    "drop function resolve_key(text)",
    RESOLVE_KEY,
    "revoke all on function resolve_key(text) from public",
    f"grant execute on function resolve_key(text) to {WEB}",
]

LANES = ["realtime", "standard", "batch"]


def _within(least: int, most: int) -> list[Any]:
    return [django.core.validators.MinValueValidator(least), django.core.validators.MaxValueValidator(most)]


def _words(*words: str) -> list[tuple[str, str]]:
    return [(word, word) for word in words]


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0002_isolation")]

    operations = [
        migrations.CreateModel(
            name="ServingPolicy",
            fields=[
                (
                    "workspace",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="workspaces.workspace",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="workspaces.organization"
                    ),
                ),
                (
                    "preset",
                    models.CharField(
                        blank=True,
                        choices=_words("low-latency", "balanced", "high-throughput"),
                        max_length=16,
                        null=True,
                    ),
                ),
                (
                    "cache_scope",
                    models.CharField(choices=_words("workspace", "key", "request"), default="workspace", max_length=16),
                ),
                (
                    "lanes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(choices=_words(*LANES), max_length=16),
                        default=workspaces.models._all_lanes,
                        size=None,
                    ),
                ),
                ("concurrency", models.PositiveIntegerField(default=32, validators=_within(1, 10_000))),
                (
                    "realtime_reserve_percent",
                    models.PositiveSmallIntegerField(default=10, validators=_within(0, 90)),
                ),
                ("requests_per_minute", models.PositiveIntegerField(default=600, validators=_within(1, 1_000_000))),
                (
                    "tokens_per_minute",
                    models.PositiveIntegerField(default=600_000, validators=_within(1, 1_000_000_000)),
                ),
                (
                    "queued_tokens",
                    models.PositiveIntegerField(blank=True, null=True, validators=_within(1, 100_000_000)),
                ),
                ("weight_percent", models.PositiveSmallIntegerField(default=100, validators=_within(1, 1000))),
                ("version", models.PositiveIntegerField(default=1)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("preset__in", ["low-latency", "balanced", "high-throughput"])),
                        name="serving_preset",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("cache_scope__in", ["workspace", "key", "request"])),
                        name="serving_cache_scope",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("lanes__contained_by", LANES), models.Q(("lanes", []), _negated=True)),
                        name="serving_lanes",
                    ),
                ],
            },
        ),
        migrations.RunSQL([*ISOLATION, KEEP_LIMITS, *FUNCTIONS], migrations.RunSQL.noop),
        migrations.RemoveField("workspace", "concurrency"),
        migrations.RemoveField("workspace", "requests_per_minute"),
    ]
