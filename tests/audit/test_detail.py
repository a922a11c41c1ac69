from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from django.db import connections, transaction

from audit import detail, personal, proofs
from audit.actions import Action, FieldError
from audit.log import KeysUnavailable, record, tree_of
from audit.merkle import leaf_hash, verify_inclusion
from audit.models import AuditEntry, Detail
from audit.sealer import seal_tree
from audit.trees import CellReader, Reader, scope_of
from bailiwick.embedded.cluster import Cluster
from cell.access import Actor, WorkspaceRef, system_actor
from cell.ids import uuid7
from cell.keystore import custody, maker
from cell.problems import Problem
from cell.tenancy import organization_scope, workspace_scope
from tests.audit.people import a_member, a_workspace

pytestmark = pytest.mark.usefixtures("committed")

ADDRESS = "203.0.113.77"
DETAIL = {"address": ADDRESS, "user_agent": "Zoë's browser/1.0 \ud83d"}
KEPT = {"address": ADDRESS, "user_agent": "Zoë's browser/1.0 ?"}


@pytest.fixture
def workspace() -> Iterator[WorkspaceRef]:
    yield a_workspace()


@pytest.fixture(params=["workspace", "organization"])
def reader(request: pytest.FixtureRequest, workspace: WorkspaceRef) -> Reader:
    return workspace if request.param == "workspace" else CellReader(workspace.organization)


def _record(reader: Reader, actor: Actor, document: dict[str, str] | None = None) -> UUID:
    with scope_of(reader):
        return record(
            actor=actor,
            action=Action.WORKSPACE_UPDATED,
            workspace=reader if isinstance(reader, WorkspaceRef) else None,
            organization=reader.organization,
            detail=DETAIL if document is None else document,
        )


def _entry(reader: Reader, entry: UUID) -> dict[str, Any]:
    with scope_of(reader):
        return dict(msgspec.json.decode(bytes(AuditEntry.objects.get(pk=entry).body)))


def _member(reader: Reader) -> Actor:
    return a_member(WorkspaceRef(uuid7(), reader.organization, "eu-de-1"))


def _refused(reader: Reader, entry: UUID) -> tuple[int, str]:
    with pytest.raises(Problem) as refusal:
        personal.detail_read(actor=_member(reader), reader=reader, entry=entry)
    return refusal.value.status_code, refusal.value.code


def test_a_detail_is_sealed_beside_its_entry_which_commits_to_it(reader: Reader) -> None:
    entry = _record(reader, _member(reader))

    opened = personal.detail_read(actor=_member(reader), reader=reader, entry=entry)

    body = _entry(reader, entry)
    with scope_of(reader):
        sealed = bytes(Detail.objects.get(pk=entry).sealed)
    assert opened.document == KEPT
    assert ADDRESS not in msgspec.json.encode(body).decode() and ADDRESS.encode() not in sealed
    # Written out, as somebody else would check it.
    canonical = '{"address":"203.0.113.77","user_agent":"Zoë\'s browser/1.0 ?"}'.encode()
    assert body["detail_commit"] == hmac.new(opened.salt, canonical, hashlib.sha256).hexdigest()
    assert len(opened.salt) == 32


def test_two_details_of_one_content_have_nothing_in_common(reader: Reader) -> None:
    actor = _member(reader)
    commitments = {_entry(reader, _record(reader, actor))["detail_commit"] for _ in range(3)}

    assert len(commitments) == 3


def test_reading_one_is_an_entry_of_its_own(reader: Reader) -> None:
    entry, member = _record(reader, _member(reader)), _member(reader)

    personal.detail_read(actor=member, reader=reader, entry=entry)

    with scope_of(reader):
        newest = AuditEntry.objects.exclude(pk=entry).order_by("-id")[0]
    read = msgspec.json.decode(bytes(newest.body))
    assert (read["action"], read["scope"], read["detail_commit"]) == ("detail.read", "audit:read", None)
    assert read["targets"] == [f"ent_eude1_{entry.hex}"]


def test_a_destroyed_detail_is_gone_and_every_proof_stands(workspace: WorkspaceRef) -> None:
    entry = _record(workspace, a_member(workspace))
    kept = _record(workspace, a_member(workspace))
    seal_tree(tree_of(workspace))
    before = proofs.inclusion(workspace, entry)
    with workspace_scope(workspace):
        copy = bytes(Detail.objects.get(pk=entry).sealed)  # as a backup of the database has it

    destroyed = [
        personal.destroy_detail(actor=system_actor("job"), reader=workspace, entries=[entry, uuid7()]) for _ in range(2)
    ]

    assert destroyed == [1, 0]
    assert _refused(workspace, entry) == (410, "detail-destroyed")
    with pytest.raises(custody.KeyDestroyed):
        detail.unseal(workspace.id, entry, copy, _entry(workspace, entry)["detail_commit"])
    assert maker.living_data_keys([entry, kept]) == {kept}
    seal_tree(tree_of(workspace))
    after = proofs.inclusion(workspace, entry)
    assert after.body == before.body
    verify_inclusion(
        index=after.index,
        size=after.checkpoint.size,
        leaf=leaf_hash(after.body),
        path=after.path,
        root=after.checkpoint.root,
    )
    assert personal.detail_read(actor=a_member(workspace), reader=workspace, entry=kept).document == KEPT


def test_destroying_is_an_entry_that_names_what_was_destroyed(reader: Reader) -> None:
    entries = [_record(reader, _member(reader)) for _ in range(2)]

    personal.destroy_detail(actor=system_actor("job"), reader=reader, entries=entries)

    with scope_of(reader):
        newest = msgspec.json.decode(bytes(AuditEntry.objects.order_by("-id")[0].body))
    assert (newest["action"], newest["after"]) == ("detail.destroyed", {"removed": 2})
    assert sorted(newest["targets"]) == sorted(f"ent_eude1_{entry.hex}" for entry in entries)


def test_the_details_by_and_about_one_person_are_found(reader: Reader) -> None:
    one, other = _member(reader), _member(reader)
    mine = [_record(reader, one) for _ in range(2)]
    _record(reader, other)
    assert one.id is not None

    assert personal.details_about(reader, one.id) == mine
    assert personal.details_about(reader, uuid7()) == []


def test_what_belongs_to_somebody_else_is_not_there(reader: Reader) -> None:
    entry = _record(reader, _member(reader))
    stranger = a_workspace()
    sibling = WorkspaceRef(uuid7(), reader.organization, "eu-de-1")

    for other in (stranger, sibling, CellReader(stranger.organization)):
        assert _refused(other, entry) == (404, "not-found")
        assert personal.destroy_detail(actor=system_actor("job"), reader=other, entries=[entry]) == 0
    assert personal.detail_read(actor=_member(reader), reader=reader, entry=entry).document == KEPT


def test_an_entry_without_detail_has_none_to_show(workspace: WorkspaceRef) -> None:
    entry = _record(workspace, a_member(workspace), {})

    assert _entry(workspace, entry)["detail_commit"] is None
    assert _refused(workspace, entry) == (404, "not-found")
    assert _refused(workspace, uuid7()) == (404, "not-found")


def test_a_detail_that_was_exchanged_in_the_database_is_not_shown(workspace: WorkspaceRef, cluster: Cluster) -> None:
    entry, other = (_record(workspace, a_member(workspace)) for _ in range(2))
    with psycopg.connect(cluster.url("bailiwick_owner")) as owner:
        owner.execute(
            "update audit_detail set sealed = (select sealed from audit_detail where entry_id = %s) where entry_id = %s",
            [other, entry],
        )

    assert _refused(workspace, entry) == (409, "detail-damaged")


@pytest.mark.parametrize("document", [{"password": "x"}, {"address": 7}])
def test_only_known_fields_and_text_are_kept(workspace: WorkspaceRef, document: dict[str, Any]) -> None:
    with pytest.raises(FieldError) as refusal:
        _record(workspace, a_member(workspace), document)

    assert "7" not in str(refusal.value)
    with workspace_scope(workspace):
        assert not AuditEntry.objects.exists()


def test_what_is_too_long_is_cut(workspace: WorkspaceRef) -> None:
    entry = _record(workspace, a_member(workspace), {"user_agent": "x" * 100_000})

    opened = personal.detail_read(actor=a_member(workspace), reader=workspace, entry=entry)

    assert opened.document == {"user_agent": "x" * 512}


def test_an_entry_of_no_organization_has_no_detail() -> None:
    with pytest.raises(FieldError), transaction.atomic():
        record(actor=system_actor("sign-in"), action=Action.SIGN_IN_REFUSED, detail={"address": ADDRESS})


def test_without_the_key_store_there_is_no_entry_and_no_change(
    workspace: WorkspaceRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    class _Away:
        conninfo = "host=/nowhere dbname=none connect_timeout=1"

    class _Config:
        keystore_database = _Away()

    monkeypatch.setattr(maker, "config", _Config)
    monkeypatch.setattr(maker, "_open", None)

    with pytest.raises(KeysUnavailable) as refusal:
        _record(workspace, a_member(workspace))

    assert (refusal.value.status_code, refusal.value.wait) == (503, 5)
    monkeypatch.undo()
    with workspace_scope(workspace):
        assert not AuditEntry.objects.exists()


def test_where_the_workspaces_key_is_destroyed_entries_go_on_without_detail(workspace: WorkspaceRef) -> None:
    _record(workspace, a_member(workspace))
    custody.destroy_workspace_key(workspace.id)
    maker.forget()

    entry = _record(workspace, a_member(workspace))

    assert _entry(workspace, entry)["detail_commit"] is None


def test_what_is_sealed_under_a_day_whose_time_is_over_is_swept(workspace: WorkspaceRef) -> None:
    old, kept = _record(workspace, a_member(workspace)), _record(a_workspace(), a_member(workspace))
    custody.destroy_epochs(workspace.id, datetime.now(UTC).date() + timedelta(days=1))
    assert _refused(workspace, old) == (410, "detail-destroyed")

    assert personal.sweep() >= 1

    with connections["sealer"].cursor() as cursor:
        cursor.execute("select entry_id from audit_detail where entry_id = any(%s)", [[old, kept]])
        assert cursor.fetchall() == [(kept,)]
    assert _refused(workspace, old) == (410, "detail-destroyed")


@pytest.mark.parametrize("role", ["bailiwick_sealer", "bailiwick_auditor"])
def test_no_role_but_the_web_role_sees_sealed_bytes(cluster: Cluster, role: str) -> None:
    with psycopg.connect(cluster.url(role)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("select sealed from audit_detail")


def test_a_sealed_detail_cannot_be_changed_by_the_web_role(workspace: WorkspaceRef) -> None:
    entry = _record(workspace, a_member(workspace))

    with pytest.raises(Exception, match="permission denied"), workspace_scope(workspace):
        Detail.objects.filter(pk=entry).update(sealed=b"")
    with organization_scope(a_workspace().organization):
        assert not Detail.objects.exists()
