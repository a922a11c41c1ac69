"""A workspace's serving policy: who may change what, and what is left behind."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from audit.models import AuditEntry
from cell.access import Scope
from cell.tenancy import organization_scope, workspace_scope
from tests.factories import Organization, make_key
from tests.workspaces.conftest import Api
from workspaces.authentication import resolve_token
from workspaces.models import ServingPolicy
from workspaces.selectors import serving_get
from workspaces.serving import Lane

ANY = {"If-Match": "*"}
NEW = {
    "preset": None,
    "cache_scope": "workspace",
    "lanes": ["realtime", "standard", "batch"],
    "concurrency": 32,
    "realtime_reserve_percent": 10,
    "requests_per_minute": 600,
    "tokens_per_minute": 600_000,
    "queued_tokens": None,
    "weight_percent": 100,
    "version": 1,
}


@pytest.fixture
def path(organization: Organization) -> str:
    return f"workspaces/{organization.workspace_id}/serving-policy"


def test_a_policy_is_read_changed_and_not_overwritten(api: Api, path: str) -> None:
    read = api("GET", path)
    change = {"preset": "balanced", "cache_scope": "key", "lanes": ["batch", "realtime"], "queued_tokens": 4000}

    blind = api("PATCH", path, change)
    changed = api("PATCH", path, change, **{"If-Match": read["ETag"]})
    stale = api("PATCH", path, {"concurrency": 1}, **{"If-Match": read["ETag"]})
    same = api("PATCH", path, change, **{"If-Match": changed["ETag"]})

    assert (read.status_code, read.json()) == (200, NEW)
    assert blind.status_code == 428
    assert changed.json() == NEW | change | {"lanes": ["realtime", "batch"], "version": 2}
    assert changed["ETag"] != read["ETag"]
    assert (stale.status_code, stale.json()["title"]) == (412, "changed-meanwhile")
    assert same.json() == changed.json()
    assert api("GET", path)["ETag"] == changed["ETag"]


@pytest.mark.parametrize(
    "change",
    [
        {"preset": "fast"},
        {"preset": ""},
        {"cache_scope": "public"},
        {"lanes": []},
        {"lanes": ["realtime", "express"]},
        {"lanes": "realtime"},
        {"concurrency": 0},
        {"concurrency": 10_001},
        {"realtime_reserve_percent": 91},
        {"realtime_reserve_percent": -1},
        {"requests_per_minute": 0},
        {"requests_per_minute": 10**30},
        {"tokens_per_minute": 1.5},
        {"tokens_per_minute": None},
        {"queued_tokens": 0},
        {"weight_percent": 0},
        {"weight_percent": 1001},
        {"version": 7},
        {"concurency": 7},
    ],
)
def test_what_cannot_be_decided_is_named(api: Api, path: str, change: dict[str, Any]) -> None:
    answer = api("PATCH", path, change, **ANY)

    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == list(change) or change == {"version": 7}
    assert api("GET", path).json() == NEW


def test_the_weight_is_the_organizations_to_set(organization: Organization, api: Api, path: str) -> None:
    local = Api(make_key(organization, organization.workspace).token)

    refused = local("PATCH", path, {"weight_percent": 400}, **ANY)
    repeated = local("PATCH", path, {"weight_percent": 100, "concurrency": 5}, **ANY)
    granted = api("PATCH", path, {"weight_percent": 400}, **ANY)

    assert (refused.status_code, refused.json()["title"]) == (403, "organization-required")
    assert (repeated.status_code, repeated.json()["concurrency"]) == (200, 5)
    assert (granted.status_code, granted.json()["weight_percent"]) == (200, 400)


def test_reading_and_changing_take_their_scopes(organization: Organization, path: str) -> None:
    reader = Api(make_key(organization, organization.workspace, scopes=[Scope.WORKSPACES_READ]).token)
    caller = Api(make_key(organization, organization.workspace, scopes=[Scope.INFERENCE_CHAT]).token)

    assert reader("GET", path).status_code == 200
    assert reader("PATCH", path, {"concurrency": 1}, **ANY).json()["scope"] == "workspaces:write"
    assert caller("GET", path).status_code == 403


def test_anothers_policy_is_not_there(organization: Organization, stranger: Organization, path: str) -> None:
    theirs = Api(stranger.admin_key)

    assert theirs("GET", path).status_code == 404
    assert theirs("PATCH", path, {"concurrency": 1}, **ANY).status_code == 404
    assert Api(organization.admin_key)("GET", path).json() == NEW


def test_a_change_is_on_the_record_as_it_was_and_as_it_is(organization: Organization, api: Api, path: str) -> None:
    api("PATCH", path, {"lanes": ["standard"], "preset": "low-latency", "concurrency": 32}, **ANY)

    with workspace_scope(organization.workspace):
        bodies = [json.loads(bytes(entry.body)) for entry in AuditEntry.objects.all()]
    (entry,) = [body for body in bodies if body["action"] == "serving.changed"]
    assert entry["before"] == {"lanes": ["realtime", "standard", "batch"], "preset": None}
    assert entry["after"] == {"lanes": ["standard"], "preset": "low-latency"}
    assert entry["scope"] == "workspaces:write"
    assert entry["targets"] == [organization.workspace_id]


def test_a_key_resolves_with_its_workspaces_policy(organization: Organization, api: Api, path: str) -> None:
    api("PATCH", path, {"lanes": ["batch"], "weight_percent": 250, "preset": "high-throughput"}, **ANY)

    served = resolve_token(organization.api_key).serving

    assert served == serving_get(organization.workspace)
    assert served is not None
    assert (served.lanes, served.weight_percent, served.realtime_reserve) == ((Lane.BATCH,), 250, 3)
    assert resolve_token(organization.admin_key).serving is None


def test_rows_are_seen_and_changed_in_their_own_scope_only(organization: Organization, stranger: Organization) -> None:
    with organization_scope(stranger.id):
        seen = set(ServingPolicy.objects.values_list("workspace_id", flat=True))
        changed = ServingPolicy.objects.filter(workspace_id=organization.workspace.id).update(concurrency=1)

    assert seen == {stranger.workspace.id}
    assert changed == 0
    assert not ServingPolicy.objects.exists()


@pytest.mark.parametrize("change", [{"preset": "fast"}, {"cache_scope": "public"}, {"lanes": []}, {"lanes": ["x"]}])
def test_the_database_refuses_other_words_too(organization: Organization, change: dict[str, Any]) -> None:
    with organization_scope(organization.id), pytest.raises(IntegrityError), transaction.atomic():
        ServingPolicy.objects.update(**change)


@pytest.mark.parametrize(
    "statement",
    ["update workspaces_servingpolicy set workspace_id = workspace_id", "delete from workspaces_servingpolicy"],
)
def test_a_policy_stays_with_its_workspace(db: None, statement: str) -> None:
    with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
