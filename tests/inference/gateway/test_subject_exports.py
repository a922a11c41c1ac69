from __future__ import annotations

import asyncio
import io
import json
import zipfile
from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.test import Client

from audit.models import AuditEntry
from cell.access import Scope, WorkspaceRef
from cell.config import config
from cell.ids import Tag, tagged
from cell.keys import cell_keys
from cell.keystore import custody
from cell.keystore.ring import KeyRing
from cell.pseudonyms import subject_key, subject_pseudonym
from cell.tenancy import workspace_scope
from inference.gateway import subject_exports
from inference.gateway.subject_exports import subject_export
from retention.holds import hold_place
from retention.models import Payload
from retention.vault import Vault
from tests.factories import Organization, make_key, make_organization, make_workspace
from tests.inference.gateway.records import make_request
from tests.retention.conftest import committed  # noqa: F401  # a fixture
from tests.retention.requests import serve

pytestmark = pytest.mark.usefixtures("committed")
ANNA = "customer-4711 Anna Vogel"


@pytest.fixture
def organization(committed: None) -> Organization:  # noqa: F811  # the fixture
    return make_organization()


def pseudonym(workspace: WorkspaceRef, subject: str = ANNA) -> bytes:
    return subject_pseudonym(subject_key(workspace.id), subject)


def asked(workspace: WorkspaceRef, subject: str = ANNA, *, stored: str | None = None) -> UUID:
    """A request about `subject` that has ended, with its entries, and with `stored` as its prompt."""
    number = make_request(workspace, subject=pseudonym(workspace, subject))
    serve(workspace, number, stored=False)
    if stored is not None:
        row = asyncio.run(_sealed(workspace, number, stored))
        with workspace_scope(workspace):
            Payload(
                **dict(
                    zip(("id", "workspace_id", "organization_id", "stored_at", "prompt", "answer"), row, strict=True)
                )
            ).save(force_insert=True)
    return number


async def _sealed(workspace: WorkspaceRef, number: UUID, text: str) -> Any:
    vault = Vault(KeyRing(config().keystore_database.conninfo, cell_keys()))
    try:
        prompt, answer = json.dumps([{"prompt": text}]).encode(), b'["Hello [NAME_1]"]'
        return await vault.prepare(workspace.id, workspace.organization, number, prompt, answer)
    finally:
        await vault.close()


def opened(content: bytes) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    assert archive.namelist() == ["README.txt", "export.json", "requests.ndjson", "entries.ndjson"]
    requests, entries = (
        [json.loads(line) for line in archive.read(name).splitlines()] for name in ("requests.ndjson", "entries.ndjson")
    )
    return json.loads(archive.read("export.json")), requests, entries


def export(organization: Organization, subject: str = ANNA, before: UUID | None = None, workspace: Any = None) -> bytes:
    made = subject_export(
        actor=organization.owner, workspace=workspace or organization.workspace, subject=subject, before=before
    )
    return made.content


def public(number: UUID) -> str:
    return tagged(Tag.REQUEST, config().cell, number)


def test_the_file_has_all_of_the_subject_and_nothing_of_others(organization: Organization) -> None:
    workspace = organization.workspace
    older, newer = asked(workspace, stored="Is [NAME_1] insured?"), asked(workspace)
    asked(workspace, "somebody else", stored="of somebody else")
    sibling = make_workspace(organization, name="Sibling")
    asked(sibling, stored="in the sibling")

    about, requests, entries = opened(export(organization))

    assert [one["id"] for one in requests] == [public(newer), public(older)]
    assert requests[0]["payload"] is None
    assert requests[1]["payload"]["prompt"] == [{"prompt": "Is [NAME_1] insured?"}]
    assert requests[1]["payload"]["answer"] == ["Hello [NAME_1]"]
    assert [entry["entry"]["targets"] for entry in entries] == [
        [public(number)] for number in (newer, newer, older, older)
    ]
    assert {"requests": 2, "payloads": 1, "entries": 4, "complete": True, "next": None}.items() <= about.items()
    assert about["subject"] == pseudonym(workspace).hex()
    assert (about["format"], about["cell"]["legal_area"]) == ("bailiwick-subject-export/1", "eu")


def test_the_subjects_name_is_kept_nowhere(organization: Organization, capfd: pytest.CaptureFixture[str]) -> None:
    asked(organization.workspace, stored="text")

    content = export(organization)

    archive = zipfile.ZipFile(io.BytesIO(content))
    assert all(b"Anna" not in archive.read(name) for name in archive.namelist())
    captured = capfd.readouterr()
    assert "Anna" not in captured.out + captured.err
    with workspace_scope(organization.workspace):
        bodies = [bytes(row.body) for row in AuditEntry.objects.order_by("id")]
    assert all(b"Anna" not in body and pseudonym(organization.workspace).hex().encode() not in body for body in bodies)
    entry = msgspec.json.decode(bodies[-1])
    assert (entry["action"], entry["scope"], entry["targets"]) == ("subject.exported", "erasures:write", [])
    after = entry["after"]
    assert after.pop("bytes") == len(content)
    assert after == {"requests": 1, "payloads": 1, "entries": 2, "complete": True}


def test_what_was_erased_is_told_without_its_text(organization: Organization) -> None:
    number = asked(organization.workspace, stored="text")
    custody.erase_data_keys(organization.workspace.id, [number])

    _, requests, _ = opened(export(organization))

    assert [(one["id"], one["payload"]) for one in requests] == [(public(number), None)]


def test_a_row_that_was_tampered_with_hides_nothing_else(organization: Organization) -> None:
    broken, whole = asked(organization.workspace, stored="broken"), asked(organization.workspace, stored="whole")
    with workspace_scope(organization.workspace):
        # As the web role cannot update a payload, another takes its place.
        row = Payload.objects.get(id=broken)
        Payload.objects.filter(id=broken).delete()
        row.prompt = bytes(row.prompt)[:-1] + bytes([bytes(row.prompt)[-1] ^ 1])
        row.save(force_insert=True)

    _, requests, _ = opened(export(organization))

    assert {one["id"]: one["payload"].get("unreadable", False) for one in requests} == {
        public(broken): True,
        public(whole): False,
    }


def test_what_is_held_is_read_by_nobody(organization: Organization) -> None:
    number = asked(organization.workspace, stored="text")
    hold_place(actor=organization.owner, workspace=organization.workspace, reason="Claim 7", subject=ANNA)

    _, requests, _ = opened(export(organization))

    assert [(one["id"], one["payload"]) for one in requests] == [(public(number), {"held": True})]


def test_nobody_is_an_answer_too(organization: Organization) -> None:
    about, requests, entries = opened(export(organization, "never seen"))

    assert (about["requests"], about["complete"], requests, entries) == (0, True, [], [])


@pytest.mark.parametrize(("bound", "value"), [("MOST_REQUESTS", 2), ("MOST_BYTES", 2_500)])
def test_a_full_file_is_continued(
    organization: Organization, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    numbers = [asked(organization.workspace, stored="x" * 500) for _ in range(5)]
    monkeypatch.setattr(subject_exports, bound, value)
    monkeypatch.setattr(subject_exports, "_CHUNK", 3)
    found, before, files = [], None, 0
    while True:
        about, requests, _ = opened(export(organization, before=before))
        found += [one["id"] for one in requests]
        files += 1
        if about["complete"]:
            break
        before = UUID(hex=about["next"].rpartition("_")[2])

    assert found == [public(number) for number in reversed(numbers)]
    assert files == 3


def post(token: str, workspace_id: str, body: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    path = f"/api/workspaces/{workspace_id}/subject-exports"
    return Client().post(path, json.dumps(body), content_type="application/json", headers=headers)


def test_the_api_hands_the_file_to_whoever_may_erase(organization: Organization) -> None:
    asked(organization.workspace, stored="text")
    readers = make_key(
        organization, organization.workspace, scopes={Scope.ERASURES_READ, Scope.AUDIT_READ, Scope.AUDIT_EXPORT}
    )
    stranger = make_organization()

    answer = post(organization.admin_key, organization.workspace_id, {"subject": ANNA})
    refused = post(readers.token, organization.workspace_id, {"subject": ANNA})
    foreign = post(stranger.admin_key, organization.workspace_id, {"subject": ANNA})

    assert (answer.status_code, refused.status_code, foreign.status_code) == (200, 403, 404)
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("application/zip", "no-store")
    assert "Anna" not in str(answer.headers)
    assert opened(answer.content)[0]["requests"] == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "subject"),
        ({"subject": ""}, "subject"),
        ({"subject": "a" * 4097}, "subject"),
        ({"subject": ["a"]}, "subject"),
        ({"subject": "a", "since": "b"}, "since"),
    ],
)
def test_what_names_nobody_is_refused(organization: Organization, body: Any, field: str) -> None:
    answer = post(organization.admin_key, organization.workspace_id, body)

    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


def test_half_a_character_and_a_foreign_cursor_are_refused(organization: Organization) -> None:
    half = Client().post(
        f"/api/workspaces/{organization.workspace_id}/subject-exports",
        b'{"subject": "\\ud800"}',
        content_type="application/json",
        headers={"Authorization": f"Bearer {organization.admin_key}"},
    )
    foreign = post(
        organization.admin_key, organization.workspace_id, {"subject": "a", "before": f"req_usea1_{'0' * 32}"}
    )
    nonsense = post(organization.admin_key, organization.workspace_id, {"subject": "a", "before": "x"})

    assert (half.status_code, foreign.status_code, nonsense.status_code) == (400, 421, 404)
