from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from audit.models import AuditEntry
from audit.selectors import entry_list
from audit.trees import CellReader
from cell.access import Scope, system_actor
from cell.problems import Problem
from cell.tenancy import workspace_scope
from tests.factories import Organization, make_actor, make_key, make_organization, make_workspace
from tests.workspaces.conftest import Api
from workspaces.models import SubprocessorVersion
from workspaces.services import subprocessors_acknowledge, subprocessors_announce, subprocessors_publish
from workspaces.subprocessor_list import ListError, read_list
from workspaces.subprocessors import ListState, SubprocessorsInfo, acknowledged, open_notice, subprocessors_now

HOSTING = {"name": "Example Hosting GmbH", "country": "DE", "purpose": "Machines", "data": ["sealed payloads"]}
SUPPORT = {
    "name": "Example Support Inc.",
    "country": "US",
    "purpose": "Second-level support",
    "data": ["request records"],
    "safeguard": "Standard contractual clauses (EU) 2021/914, module 3",
}


def document(*entries: dict[str, Any], days: int = 30, **more: Any) -> bytes:
    return json.dumps(
        {"format": "bailiwick-subprocessors/1", "objection_days": days, "subprocessors": entries} | more
    ).encode()


def publish(*entries: dict[str, Any], days: int = 30) -> SubprocessorsInfo:
    listed = read_list(document(*entries, days=days), "eu")
    return subprocessors_publish(actor=system_actor("command"), document=listed)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "truncated"),
        (document(format="other/1"), "$.format"),
        (document(days=0), "$.objection_days"),
        (document({**HOSTING, "country": "Germany"}), "$.subprocessors[0].country"),
        (document({**HOSTING, "data": []}), "$.subprocessors[0].data"),
        (document({**HOSTING, "webiste": "x"}), "webiste"),
        (document(HOSTING, {**HOSTING, "purpose": "Other"}), "the same name"),
        (document({**HOSTING, "country": "US"}), "state the `safeguard`"),
        (document({**HOSTING, "safeguard": "none"}), "nothing to safeguard"),
        (b" " * 1_000_001, "bytes"),
    ],
)
def test_what_is_no_list_is_refused_with_its_place(content: bytes, words: str) -> None:
    with pytest.raises(ListError) as refused:
        read_list(content, "eu")

    assert words in str(refused.value)


def test_a_cell_in_another_area_sees_other_transfers() -> None:
    assert read_list(document({**SUPPORT, "country": "NO"} | {"safeguard": "adequacy"}), "uk")
    assert read_list(document({key: value for key, value in SUPPORT.items() if key != "safeguard"}), "us")


@pytest.mark.django_db
def test_a_version_is_in_force_when_nobody_may_object_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    first = publish(HOSTING)
    second = publish(HOSTING, SUPPORT, days=14)

    assert (first.version, first.state) == (1, ListState.IN_FORCE)
    assert second.state is ListState.ANNOUNCED
    assert second.objections_until - second.published_at == timedelta(days=14)
    in_force, announced = subprocessors_now()
    assert in_force is not None
    assert (in_force.version, [info.version for info in announced]) == (1, [2])

    later = timezone.now() + timedelta(days=15)
    monkeypatch.setattr("workspaces.subprocessors.timezone.now", lambda: later)
    in_force, announced = subprocessors_now()
    assert in_force is not None
    assert (in_force.version, announced) == (2, [])


@pytest.mark.django_db
def test_the_same_list_is_no_new_version() -> None:
    publish(HOSTING)

    with pytest.raises(Problem, match="version 1 says already"):
        publish(HOSTING)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "update workspaces_subprocessorversion set document = document",
        "update workspaces_subprocessorversion set published_at = now()",
        "delete from workspaces_subprocessorversion",
        "update workspaces_subprocessoracknowledgement set version = 1",
        "delete from workspaces_subprocessornotice",
        "delete from workspaces_agreementacceptance",
        "update workspaces_agreementacceptance set version = '1'",
    ],
)
def test_nobody_rewrites_what_was_published_or_accepted(statement: str) -> None:
    publish(HOSTING)

    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.django_db
def test_every_workspace_is_told_once_in_its_own_log(organization: Organization, stranger: Organization) -> None:
    publish(HOSTING)
    publish(HOSTING, SUPPORT)
    later = make_workspace(organization, name="Later")
    with connection.cursor() as cursor:
        # Workspaces are made at the time of their transaction, which in a test is one for all.
        cursor.execute("select count(*) from subprocessor_notices_due(2, 500)")
        (due,) = cursor.fetchone()

    told = subprocessors_announce()
    again = subprocessors_announce()

    assert (told > 0, again) == (True, 0)
    for workspace in (organization.workspace, stranger.workspace):
        assert [entry["after"] for entry in entries(workspace)] == [
            {"version": 1, "objection_days": 30, "count": 1, "added": 1, "removed": 0, "changed": 0},
            {"version": 2, "objection_days": 30, "count": 2, "added": 1, "removed": 0, "changed": 0},
        ]
        assert entries(workspace)[0]["actor"]["type"] == "system"
    assert due >= 2
    assert entries(later) == []


def entries(workspace: Any) -> list[dict[str, Any]]:
    with workspace_scope(workspace):
        bodies = [msgspec.json.decode(row.body) for row in AuditEntry.objects.order_by("id")]
    return [body for body in bodies if body["action"] == "subprocessors.announced"]


@pytest.mark.django_db
def test_a_run_that_is_cut_off_is_done_by_the_next(organization: Organization, stranger: Organization) -> None:
    publish(HOSTING)

    rounds = 0
    while subprocessors_announce(budget_s=0):
        rounds += 1

    assert rounds >= 2
    assert len(entries(organization.workspace)) == len(entries(stranger.workspace)) == 1
    assert SubprocessorVersion.objects.get().announced_at is not None


@pytest.mark.django_db
def test_a_notice_is_open_until_an_owner_acknowledges_it(organization: Organization, stranger: Organization) -> None:
    publish(HOSTING)
    publish(HOSTING, SUPPORT)
    notice = open_notice(organization.id)
    newcomer = make_organization()
    manager = make_actor(organization.id, frozenset(Scope) - {Scope.DEPLOYMENTS_WRITE})

    with pytest.raises(Problem) as refused:
        subprocessors_acknowledge(actor=manager, organization=organization.id, version=2)
    for _ in range(2):
        subprocessors_acknowledge(actor=organization.owner, organization=organization.id, version=2)

    assert refused.value.code == "owner-required"
    assert notice is not None
    assert notice.version == 2
    assert open_notice(organization.id) is None
    assert open_notice(stranger.id) is not None
    assert open_notice(newcomer.id) is None
    publish(HOSTING)
    assert open_notice(organization.id) is not None


@pytest.mark.django_db
def test_any_key_of_the_cell_reads_every_version(organization: Organization) -> None:
    publish(HOSTING)
    publish(HOSTING, SUPPORT)
    narrow = make_key(organization, organization.workspace, scopes={Scope.INFERENCE_CHAT})

    listed = Api(narrow.token)("GET", "subprocessors").json()["results"]
    nobody = Api(None)("GET", "subprocessors")

    assert [(one["version"], one["state"], len(one["subprocessors"])) for one in listed] == [
        (2, "announced", 2),
        (1, "in-force", 1),
    ]
    assert listed[0]["subprocessors"][1] == {"address": None, **SUPPORT}
    assert (listed[0]["objection_days"], nobody.status_code) == (30, 401)


@pytest.mark.django_db
def test_a_version_is_acknowledged_over_the_api(organization: Organization, api: Api) -> None:
    publish(HOSTING)

    absent = api("POST", "subprocessors/7/acknowledgement")
    huge = api("POST", f"subprocessors/{'9' * 30}/acknowledgement")
    done = api("POST", "subprocessors/1/acknowledgement")

    assert (absent.status_code, huge.status_code, done.status_code) == (404, 404, 200)
    assert acknowledged(organization.id) == 1
    entry = entry_list(CellReader(organization.id), lambda rows: rows[:1])[0].document
    assert (entry["action"], entry["after"]) == ("subprocessors.acknowledged", {"version": 1})
    assert entry["actor"]["type"] == "key"
