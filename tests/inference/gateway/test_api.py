from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from audit.models import AuditEntry
from cell.config import config
from cell.ids import Tag, tagged, uuid7
from cell.tenancy import workspace_scope
from inference.gateway.models import RequestRecord
from inference.gateway.subjects import RequestSubjects
from retention.models import ErasureScope, Tombstone
from retention.stores import Target, registered
from tests.factories import Organization, make_organization


@pytest.fixture
def organization(db: None) -> Organization:
    return make_organization()


def api(token: str, method: str, path: str, body: Any = None) -> Any:
    data = "" if body is None else json.dumps(body)
    headers = {"Authorization": f"Bearer {token}"}
    return Client().generic(method, f"/api/{path}", data=data, content_type="application/json", headers=headers)


def make_request(
    organization: Organization, *, subject: bytes | None = b"pseudonym", number: UUID | None = None
) -> UUID:
    row = RequestRecord(
        id=number or uuid7(),
        workspace_id=organization.workspace.id,
        organization_id=organization.id,
        key_id=uuid4(),
        kind="chat",
        model="demo-chat",
        lane="standard",
        streamed=False,
        subject=subject,
        status="completed",
        http_status=200,
        finish_reason="stop",
        prompt_tokens=5,
        completion_tokens=7,
        redactions={"EMAIL": 2},
        started_at=datetime.now(UTC),
        duration_ms=12,
    )
    with workspace_scope(organization.workspace):
        row.save(force_insert=True)
    return row.id


def test_requests_are_listed_newest_first_without_their_subject(organization: Organization) -> None:
    older, newer = make_request(organization), make_request(organization, subject=None)

    listed = api(organization.admin_key, "GET", f"workspaces/{organization.workspace_id}/requests").json()["results"]
    one = api(organization.admin_key, "GET", f"workspaces/{organization.workspace_id}/requests/{listed[1]['id']}")

    assert [request["id"] for request in listed] == [
        tagged(Tag.REQUEST, config().cell, number) for number in (newer, older)
    ]
    assert [request["names_subject"] for request in listed] == [False, True]
    assert one.json() == listed[1]
    assert "pseudonym" not in one.content.decode()


def test_a_stranger_sees_no_request(organization: Organization) -> None:
    number = tagged(Tag.REQUEST, config().cell, make_request(organization))
    stranger = make_organization()

    theirs = api(stranger.admin_key, "GET", f"workspaces/{stranger.workspace_id}/requests/{number}")
    mine = api(stranger.admin_key, "GET", f"workspaces/{organization.workspace_id}/requests/{number}")

    assert (theirs.status_code, mine.status_code) == (404, 404)


def test_a_dry_run_says_where_and_never_what(organization: Organization) -> None:
    text = "Write to anna@example.org or pay DE89 3704 0044 0532 0130 00."

    answer = api(organization.admin_key, "POST", f"workspaces/{organization.workspace_id}/redactions", {"text": text})

    found = answer.json()["findings"]
    assert [(finding["type"], text[finding["start"] : finding["end"]]) for finding in found] == [
        ("EMAIL", "anna@example.org"),
        ("IBAN", "DE89 3704 0044 0532 0130 00"),
    ]
    assert answer.json()["layers"] == ["patterns", "cues"]
    assert "anna" not in answer.content.decode()
    with workspace_scope(organization.workspace):
        entry = json.loads(bytes(AuditEntry.objects.order_by("-id")[0].body))
    assert (entry["action"], entry["after"]) == ("redaction.tried", {"redactions": {"EMAIL": 1, "IBAN": 1}})


@pytest.mark.parametrize(
    "body", [{}, {"text": ["a"]}, {"text": ""}, {"text": "a" * 100_001}, {"text": "a", "language": "German"}]
)
def test_a_wrong_dry_run_names_the_field(organization: Organization, body: dict[str, Any]) -> None:
    answer = api(organization.admin_key, "POST", f"workspaces/{organization.workspace_id}/redactions", body)

    assert answer.status_code == 400
    assert len(answer.json()["errors"]) == 1


def test_models_without_an_engine_are_unavailable_and_not_empty(organization: Organization) -> None:
    config().engine_socket.unlink(missing_ok=True)

    answer = api(organization.admin_key, "GET", "models")

    assert (answer.status_code, answer.json()["title"]) == (503, "engine-unavailable")


def test_an_engine_that_hangs_is_unavailable_too(organization: Organization) -> None:
    path = config().engine_socket
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        answer = api(organization.admin_key, "GET", "models")
    path.unlink()

    assert (answer.status_code, answer.json()["title"]) == (503, "engine-unavailable")


def test_erasure_clears_the_subject_and_keeps_the_figures(organization: Organization) -> None:
    number = make_request(organization)
    store = RequestSubjects()
    target = Target(organization.workspace, uuid7(), ErasureScope.REQUEST, (number,))

    planned = store.plan(target)
    for _ in range(2):
        store.execute(target)

    with workspace_scope(organization.workspace):
        row = RequestRecord.objects.get(id=number)
    assert (planned, store.plan(target)) == (1, 0)
    assert (row.subject, row.prompt_tokens) == (None, 5)
    assert {"request-subjects", "engine-memory"} <= {store.name for store in registered(ErasureScope.REQUEST)}


def test_a_record_that_comes_after_the_erasure_names_no_subject(organization: Organization) -> None:
    number = uuid7()
    with workspace_scope(organization.workspace):
        Tombstone.objects.create(
            request_id=number,
            workspace_id=organization.workspace.id,
            organization_id=organization.id,
            erasure_id=uuid7(),
            fenced_at=datetime.now(UTC),
        )

    make_request(organization, number=number)

    with workspace_scope(organization.workspace):
        assert RequestRecord.objects.get(id=number).subject is None
