from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from audit.models import AuditEntry
from cell.access import Scope
from cell.tenancy import workspace_scope
from inference.gateway.models import UsageCount
from inference.gateway.usage import count_usage
from tests.factories import Organization, make_key, make_organization
from tests.inference.gateway.records import DAY, make_request, today

FIGURES = {"prompt_tokens": 5, "completion_tokens": 7, "duration_seconds": 1.5}
NONE = {"completed": 0, "cancelled": 0, "failed": 0, "unknown": 0}


@pytest.fixture
def organization(db: None) -> Organization:
    return make_organization()


def get(token: str, workspace_id: str, query: str = "") -> Any:
    path = f"/api/workspaces/{workspace_id}/usage{query}"
    return Client().get(path, headers={"Authorization": f"Bearer {token}"})


def entry_count(organization: Organization) -> int:
    with workspace_scope(organization.workspace):
        return AuditEntry.objects.count()


def test_usage_is_given_by_day_with_totals_and_when_it_was_counted(organization: Organization) -> None:
    uncounted = get(organization.admin_key, organization.workspace_id).json()
    make_request(organization.workspace, today() - DAY, status="failed")
    make_request(organization.workspace)
    count_usage()

    answer = get(organization.admin_key, organization.workspace_id)
    given = answer.json()

    assert answer.status_code == 200
    assert (given["from"], given["to"]) == (str(today() - 29 * DAY), str(today()))
    row = {"model": "demo-chat", "lane": "standard", "kind": "chat"} | FIGURES
    assert given["results"] == [
        row | {"day": str(today() - DAY), "requests": NONE | {"failed": 1}},
        row | {"day": str(today()), "requests": NONE | {"completed": 1}},
    ]
    assert given["totals"] == {
        "requests": NONE | {"completed": 1, "failed": 1},
        "prompt_tokens": 10,
        "completion_tokens": 14,
        "duration_seconds": 3.0,
    }
    assert datetime.fromisoformat(given["as_of"]).tzinfo is not None
    assert (uncounted["results"], uncounted["totals"]["requests"]) == ([], NONE)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?from={before}", 2),
        ("?from={yesterday}&to={yesterday}", 1),
        ("?to={yesterday}", 2),
        ("?to={before}", 1),
        ("?from=0001-01-01&to=0001-01-05", 0),
        ("?to=0001-01-05", 0),
        ("?from={today}&to={ahead}", 0),
        ("?from={today}&to=9999-12-31", 400),
    ],
)
def test_a_range_has_both_of_its_days(organization: Organization, query: str, found: int) -> None:
    before, yesterday = today() - 2 * DAY, today() - DAY
    for day in (before, yesterday):
        make_request(organization.workspace, day)
    UsageCount.objects.update(open_day=before)
    count_usage()

    filled = query.format(before=before, yesterday=yesterday, today=today(), ahead=today() + 365 * DAY)
    answer = get(organization.admin_key, organization.workspace_id, filled)

    assert found in (answer.status_code, len(answer.json().get("results", ())))


@pytest.mark.parametrize(
    ("query", "title", "says"),
    [
        ("?from=yesterday", "invalid-date", "Write from as a date, for instance 20"),
        ("?to=2026-13-01", "invalid-date", "Write to as a date"),
        ("?to=20261121", "invalid-date", "Write to as a date"),
        ("?to=", "invalid-date", "Write to as a date"),
        ("?from=2026-11-21%27%20or%20true", "invalid-date", "Write from as a date"),
        ("?from=2026-11-22&to=2026-11-21", "invalid-range", "must not be after"),
        ("?from=9999-01-01", "invalid-range", "must not be after"),
        ("?from=2025-01-01&to=2026-01-02", "range-too-long", "at most 366 days"),
    ],
)
def test_a_wrong_range_is_refused_with_what_to_do(
    organization: Organization, query: str, title: str, says: str
) -> None:
    answer = get(organization.admin_key, organization.workspace_id, query)

    assert (answer.status_code, answer.json()["title"]) == (400, title)
    assert answer["Content-Type"] == "application/problem+json"
    assert says in answer.json()["detail"]


def test_a_leap_year_is_not_too_long(organization: Organization) -> None:
    answer = get(organization.admin_key, organization.workspace_id, "?from=2024-01-01&to=2024-12-31")

    assert answer.status_code == 200


def test_a_stranger_sees_no_usage_and_takes_no_part_in_it(organization: Organization) -> None:
    stranger = make_organization()
    make_request(stranger.workspace)
    count_usage()

    mine = get(organization.admin_key, organization.workspace_id)
    theirs = get(organization.admin_key, stranger.workspace_id)

    assert (mine.json()["results"], theirs.status_code) == ([], 404)


def test_it_takes_the_scope_to_read_workspaces_and_leaves_no_entry(organization: Organization) -> None:
    workspace = organization.workspace
    reader = make_key(organization, workspace, scopes={Scope.WORKSPACES_READ}).token
    other = make_key(organization, workspace, scopes=set(Scope) - {Scope.WORKSPACES_READ}).token
    get(reader, organization.workspace_id)  # a key's first use in an hour is on the record, whatever it reads
    entries = [entry_count(organization)]

    statuses = [get(reader, organization.workspace_id).status_code]
    entries.append(entry_count(organization))
    statuses.append(get(other, organization.workspace_id).status_code)
    statuses.append(Client().get(f"/api/workspaces/{organization.workspace_id}/usage").status_code)

    assert statuses == [200, 403, 401]
    assert entries[0] == entries[1]


def test_usage_is_in_the_schema(db: None) -> None:
    schema = Client().get("/api/schema", headers={"Accept": "application/vnd.oai.openapi+json"}).json()

    described = schema["paths"]["/api/workspaces/{workspace_id}/usage"]["get"]
    answer = described["responses"]["200"]["content"]["application/json"]["schema"]
    assert {parameter["name"] for parameter in described["parameters"]} == {"from", "to", "workspace_id"}
    assert answer == {"$ref": "#/components/schemas/Usage"}
    assert set(schema["components"]["schemas"]["Usage"]["properties"]) == {"from", "to", "as_of", "totals", "results"}
