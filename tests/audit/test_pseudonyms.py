from __future__ import annotations

import hashlib
import hmac

import msgspec
import pytest

from audit import pseudonyms
from audit.actions import Action
from audit.log import record
from audit.models import AuditEntry
from audit.personal import pseudonyms_renew
from audit.pseudonyms import member_pseudonym, member_pseudonyms
from cell.access import WorkspaceRef, system_actor
from cell.ids import uuid7
from cell.keys import cell_keys
from cell.keystore.models import NamedKey
from cell.tenancy import workspace_scope
from tests.audit.people import a_member, a_workspace

pytestmark = pytest.mark.usefixtures("committed")


def _actor_of_a_new_entry(workspace: WorkspaceRef, member: object) -> str:
    with workspace_scope(workspace):
        entry = record(actor=member, action=Action.WORKSPACE_UPDATED, workspace=workspace)  # type: ignore[arg-type]
        return str(msgspec.json.decode(bytes(AuditEntry.objects.get(pk=entry).body))["actor"]["id"])


def test_a_person_has_one_name_in_a_workspace_and_another_everywhere_else() -> None:
    workspace, member = a_workspace(), uuid7()
    sibling = WorkspaceRef(uuid7(), workspace.organization, workspace.region)

    names = [
        member_pseudonym(member, workspace=workspace),
        member_pseudonym(member, workspace=sibling),
        member_pseudonym(member, organization=workspace.organization),
        member_pseudonym(member),
        member_pseudonym(uuid7(), workspace=workspace),
    ]

    assert len({*names}) == 5
    assert names[0] == member_pseudonym(member, workspace=workspace)
    assert all(len(name) == 32 and int(name, 16) >= 0 for name in names)


def test_the_key_is_random_and_not_derived_from_the_root() -> None:
    workspace, member = a_workspace(), uuid7()
    derived = cell_keys().derive(f"audit-pseudonym/workspace/{workspace.id.hex}")
    former = hmac.digest(derived, member.bytes, hashlib.sha256).hex()[:32]

    assert member_pseudonym(member, workspace=workspace) != former
    # Entries from before it was random are still told apart for who may see members.
    assert member_pseudonyms(member, workspace=workspace) == (member_pseudonym(member, workspace=workspace), former)


def test_once_the_key_is_destroyed_nobody_is_found_behind_old_entries() -> None:
    workspace = a_workspace()
    member = a_member(workspace)
    assert member.id is not None
    before = _actor_of_a_new_entry(workspace, member)
    assert before in member_pseudonyms(member.id, workspace=workspace)

    assert pseudonyms_renew(actor=system_actor("job"), reader=workspace)

    after = _actor_of_a_new_entry(workspace, member)
    known = member_pseudonyms(member.id, workspace=workspace)
    assert before != after
    assert known == (after,)
    with workspace_scope(workspace):
        actions = [msgspec.json.decode(bytes(row.body))["action"] for row in AuditEntry.objects.order_by("id")]
    assert actions == ["workspace.updated", "pseudonyms.renewed", "workspace.updated"]
    assert NamedKey.objects.get(owner_id=workspace.id).number == 2


def test_what_was_never_there_is_not_destroyed() -> None:
    workspace = a_workspace()

    assert not pseudonyms_renew(actor=system_actor("job"), reader=workspace)
    with workspace_scope(workspace):
        assert not AuditEntry.objects.exists()


def test_a_process_notices_within_a_minute_that_another_destroyed_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, member = a_workspace(), uuid7()
    before = member_pseudonym(member, workspace=workspace)
    pseudonyms.named.destroy_named_key(workspace.id, pseudonyms.PURPOSE)  # as another process does

    assert member_pseudonym(member, workspace=workspace) == before
    later = pseudonyms.time.monotonic() + pseudonyms.KEY_TTL_S + 1
    monkeypatch.setattr(pseudonyms.time, "monotonic", lambda: later)
    assert member_pseudonym(member, workspace=workspace) != before
