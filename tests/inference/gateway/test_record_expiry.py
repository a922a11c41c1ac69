"""Requests' records and caches whose time is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from audit.models import AuditEntry
from cell.access import WorkspaceRef
from cell.problems import Problem
from cell.pseudonyms import subject_key, subject_pseudonym
from cell.tenancy import workspace_scope
from inference.engine import protocol
from inference.engine.receipts import Erased, ModelErased
from inference.gateway import engine_memory
from inference.gateway.cache_class import PromptCaches
from inference.gateway.models import RequestRecord, UsageCount
from inference.gateway.record_classes import RequestRecords, SubjectPseudonyms
from inference.gateway.usage import count_usage
from retention.classes import beside_payloads, registered
from retention.erasures import erasure_preview
from retention.expiry import expire
from retention.holds import hold_place, hold_release
from retention.policies import retention_policy_set
from retention.progress import progress_of
from tests.factories import Organization, make_organization, make_workspace
from tests.inference.gateway.records import DAY, make_request, today, usage
from tests.retention.conftest import committed, owner  # noqa: F401  # fixtures
from tests.retention.requests import payloads, serve

pytestmark = pytest.mark.usefixtures("committed")

ANNA = "anna@example.org"


@pytest.fixture
def organization(committed: None) -> Organization:  # noqa: F811
    return make_organization()


def decide(organization: Organization, version: int = 0, payload_days: int = 14, reason: str = "", **days: int) -> None:
    retention_policy_set(
        actor=organization.owner,
        workspace=organization.workspace,
        store_payloads=True,
        payload_days=payload_days,
        classes=days,
        reason=reason,
        expected_version=version,
    )


def records(workspace: WorkspaceRef) -> dict[UUID, bool]:
    """The workspace's records, each with whether it names a subject."""
    with workspace_scope(workspace):
        rows = RequestRecord.objects.filter(workspace_id=workspace.id)
        return {number: subject is not None for number, subject in rows.values_list("id", "subject")}


def entries(workspace: WorkspaceRef) -> list[dict[str, Any]]:
    with workspace_scope(workspace):
        bodies = [msgspec.json.decode(entry.body) for entry in AuditEntry.objects.order_by("id")]
    return [body["after"] for body in bodies if body["action"] == "data.expired"]


def ago(days: int) -> date:
    return today() - days * DAY


def counted_up_to(day: date) -> None:
    UsageCount.objects.update(open_day=day)


@pytest.fixture(autouse=True)
def all_counted(committed: None) -> Iterator[None]:  # noqa: F811
    """As the worker leaves it: the days before yesterday are done with."""
    counted_up_to(ago(1))
    yield
    counted_up_to(ago(1))


def test_a_pseudonym_goes_after_its_days_and_the_record_after_its_own(organization: Organization) -> None:
    workspace, other = organization.workspace, make_workspace(organization)
    fresh, old, _ = (make_request(workspace, ago(days)) for days in (13, 15, 91))
    theirs = make_request(other, ago(13))

    expire()

    assert records(workspace) == {fresh: True, old: False}
    assert records(other) == {theirs: True}
    assert entries(workspace) == [
        {"data_class": "subjects", "removed": 2, "days": 14},
        {"data_class": "request_records", "removed": 1, "days": 90},
    ]
    assert entries(other) == []
    expire()
    assert len(entries(workspace)) == 2, "a run that finds nothing says nothing"


def test_the_policy_is_read_when_the_job_runs(organization: Organization) -> None:
    workspace = organization.workspace
    request = make_request(workspace, ago(20))
    decide(organization, subjects=30, request_records=400)
    expire()
    assert records(workspace) == {request: True}
    decide(organization, version=1, subjects=7, request_records=7)
    expire()
    # Payloads live fourteen days: what leads to them is kept as long, and this is older.
    assert records(workspace) == {}


def test_what_leads_to_payloads_stays_as_long_as_they(organization: Organization) -> None:
    workspace = organization.workspace
    decide(organization, payload_days=30, subjects=7, request_records=7)
    request = make_request(workspace, ago(20), subject=subject_pseudonym(subject_key(workspace.id), ANNA))
    expire()
    assert records(workspace) == {request: True}
    found = erasure_preview(workspace=workspace, subject=ANNA)
    assert found["request-subjects"] == 1


def test_no_record_goes_before_its_payload(
    organization: Organization,
    owner: Any,  # noqa: F811  # a fixture
) -> None:
    workspace = organization.workspace
    request = serve(workspace, subject=ANNA)
    aged = make_request(workspace, ago(100))
    with workspace_scope(workspace):
        RequestRecord.objects.filter(pk=aged).delete()
    owner("update gateway_request set id = %s where id = %s", aged, request)
    owner("update retention_payload set id = %s where id = %s", aged, request)  # stored just now, as after a long pause
    for data_class in (SubjectPseudonyms(), RequestRecords()):
        assert data_class.expire(workspace, 10) == 0
    assert records(workspace) == {aged: True}
    owner("update retention_payload set stored_at = stored_at - interval '15 days' where id = %s", aged)

    expire()

    assert payloads(workspace) == set()
    assert records(workspace) == {}


def test_a_record_is_counted_before_it_goes(organization: Organization) -> None:
    workspace = organization.workspace
    request = make_request(workspace, ago(95))
    counted_up_to(ago(95))
    expire()
    assert records(workspace) == {request: False}
    assert count_usage()
    expire()
    assert records(workspace) == {}
    assert usage(workspace, ago(100)).requests == 1


def test_holds_keep_records_and_whom_they_are_about(organization: Organization) -> None:
    workspace = organization.workspace
    anna = subject_pseudonym(subject_key(workspace.id), ANNA)
    hers, named, gone = (
        make_request(workspace, ago(95), subject=anna),
        make_request(workspace, ago(95)),
        make_request(workspace, ago(95)),
    )
    placed = [
        hold_place(actor=organization.owner, workspace=workspace, reason="Claim 7/2026", **of).id
        for of in ({"subject": ANNA}, {"request": named})
    ]
    expire()
    assert records(workspace) == {hers: True, named: True}
    whole = hold_place(actor=organization.owner, workspace=workspace, reason="Claim 8/2026").id
    for hold in placed:
        hold_release(actor=organization.owner, workspace=workspace, hold=hold)
    expire()
    assert records(workspace) == {hers: True, named: True}
    hold_release(actor=organization.owner, workspace=workspace, hold=whole)
    expire()
    assert records(workspace) == {}
    assert gone not in records(workspace)


def test_many_go_in_batches_with_an_entry_each(organization: Organization) -> None:
    workspace = organization.workspace
    for _ in range(5):
        make_request(workspace, ago(95))
    went = RequestRecords()
    assert [went.expire(workspace, 2) for _ in range(4)] == [2, 2, 1, 0]
    assert [entry["removed"] for entry in entries(workspace)] == [2, 2, 1]


def test_a_request_may_be_kept_longer_by_an_owner_with_a_reason(organization: Organization) -> None:
    for days in ({"request_records": 401}, {"request_records": 6}, {"subjects": 31}, {"caches": 1}, {"exports": 500}):
        with pytest.raises(Problem, match="a reason is needed") as refused:
            decide(organization, **days)
        assert refused.value.status_code == 400
    for days in ({"request_records": 0}, {"request_records": 3651}, {"payloads": 14}, {"nothing": 14}):
        with pytest.raises(Problem) as refused:
            decide(organization, reason="a law", **days)
        assert refused.value.status_code == 400
    decide(organization, reason="a law", request_records=3650)
    assert {known.name for known in registered()} == {"payloads", *beside_payloads()}
    assert set(beside_payloads()) == {"exports", "subjects", "request_records", "caches"}


def test_a_cache_is_made_new_when_its_days_are_over(
    organization: Organization,
    owner: Any,  # noqa: F811  # a fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workspace = organization.workspace
    asked: list[protocol.Erase] = []

    def engine(question: protocol.Erase) -> Erased:
        asked.append(question)
        return Erased(question.scope, [ModelErased("demo-chat", "", 3, 0, 5, 0, 1)], 0.0, 0.0)

    monkeypatch.setattr(engine_memory, "_ask", engine)
    caches = PromptCaches()
    assert workspace not in caches.due(), "a new workspace has nothing that is old"
    owner("update workspaces_workspace set created_at = now() - interval '15 days' where id = %s", workspace.id)
    assert workspace in caches.due()

    assert [caches.expire(workspace, 1) for _ in range(2)] == [1, 0]

    (erase,) = asked
    assert erase.scope.request.startswith("req_"), "of a request that nobody made: none of the workspace's is ended"
    assert erase.scope.workspace.endswith(workspace.id.hex)
    assert entries(workspace) == [{"data_class": "caches", "removed": 6, "days": 14}]
    assert workspace not in caches.due()
    reached = progress_of(workspace, "caches")
    assert reached is not None
    assert datetime.now(UTC) - reached < timedelta(minutes=1)
    decide(organization, caches=7)
    owner("update retention_progress set reached = reached - interval '8 days' where workspace_id = %s", workspace.id)
    assert caches.expire(workspace, 1) == 1


def test_one_class_that_fails_does_not_stop_the_others(
    organization: Organization,
    owner: Any,  # noqa: F811  # a fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workspace = organization.workspace
    make_request(workspace, ago(95))

    def broken(self: SubjectPseudonyms, workspace: WorkspaceRef, limit: int) -> int:
        raise TimeoutError

    monkeypatch.setattr(SubjectPseudonyms, "expire", broken)
    with pytest.raises(ExceptionGroup) as raised:
        expire()
    assert raised.group_contains(TimeoutError)
    assert records(workspace) == {}
