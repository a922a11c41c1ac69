from __future__ import annotations

import msgspec
import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from audit.actions import Action, FieldError
from audit.log import NoTransaction, record, tree_of
from audit.models import AuditEntry
from audit.pseudonyms import member_pseudonym
from cell.access import Scope, system_actor
from cell.ids import Tag, uuid7
from cell.tenancy import organization_scope, workspace_scope
from tests.audit.people import a_key, a_member, a_workspace

pytestmark = pytest.mark.django_db


def test_an_entry_says_who_did_what_to_what() -> None:
    workspace, key = a_workspace(), uuid7()
    member = a_member(workspace)

    with workspace_scope(workspace):
        number = record(
            actor=member,
            action=Action.KEY_ISSUED,
            workspace=workspace,
            scope=Scope.KEYS_WRITE,
            targets=[(Tag.KEY, key)],
            after={"scopes": {"inference:chat"}, "state": "active"},
        )
        row = AuditEntry.objects.get(pk=number)

    entry = msgspec.json.decode(row.body)
    assert row.tree == tree_of(workspace) == f"ws_eude1_{workspace.id.hex}"
    assert entry["actor"] == {
        "type": "member",
        "id": member_pseudonym(member.id, workspace=workspace) if member.id else "",
        "auth": "password+totp",
        "key": None,
    }
    assert entry["targets"] == [f"key_eude1_{key.hex}"]
    assert entry["scope"] == "keys:write"
    assert entry["after"] == {"scopes": ["inference:chat"], "state": "active"}
    assert entry["organization"] == f"org_eude1_{workspace.organization.hex}"
    assert row.seq is None


def test_a_member_is_never_named_by_id_neither_as_actor_nor_as_target() -> None:
    workspace = a_workspace()
    member = a_member(workspace)
    assert member.id is not None

    with workspace_scope(workspace):
        number = record(
            actor=member, action=Action.MEMBERSHIP_GRANTED, workspace=workspace, targets=[(Tag.MEMBER, member.id)]
        )
        body = bytes(AuditEntry.objects.get(pk=number).body).decode()

    assert member.id.hex not in body and str(member.id) not in body
    assert f"member:{member_pseudonym(member.id, workspace=workspace)}" in body
    assert member_pseudonym(member.id, workspace=a_workspace()) not in body


def test_a_key_is_named_by_its_id_and_the_cell_by_nothing() -> None:
    workspace = a_workspace()
    key = a_key(workspace)
    assert key.id is not None

    with workspace_scope(workspace):
        by_key = record(actor=key, action=Action.KEY_USED, workspace=workspace)
        by_cell = record(actor=system_actor("job"), action=Action.PAYLOADS_EXPIRED, workspace=workspace)
        actors = {
            row.pk: msgspec.json.decode(row.body)["actor"]
            for row in AuditEntry.objects.filter(pk__in=[by_key, by_cell])
        }

    assert actors[by_key] == {"type": "key", "id": None, "auth": "key", "key": f"key_eude1_{key.id.hex}"}
    assert actors[by_cell] == {"type": "system", "id": None, "auth": "job", "key": None}


def test_an_entry_without_a_workspace_goes_to_the_tree_of_the_cell() -> None:
    organization = uuid7()

    with organization_scope(organization):
        number = record(actor=system_actor("command"), action=Action.ORGANIZATION_CREATED, organization=organization)
        row = AuditEntry.objects.get(pk=number)

    assert (row.tree, row.workspace_id, row.organization_id) == ("cell", None, organization)


def test_another_tenant_sees_nothing_of_it() -> None:
    workspace = a_workspace()
    with workspace_scope(workspace):
        record(actor=a_member(workspace), action=Action.WORKSPACE_CREATED, workspace=workspace)

    with workspace_scope(a_workspace()):
        assert not AuditEntry.objects.exists()
    assert not AuditEntry.objects.exists()
    with workspace_scope(workspace):
        assert AuditEntry.objects.count() == 1


def test_what_may_not_be_written_stops_the_change() -> None:
    workspace = a_workspace()

    with pytest.raises(FieldError), workspace_scope(workspace):
        record(
            actor=a_member(workspace), action=Action.WORKSPACE_CREATED, workspace=workspace, after={"name": "Payroll"}
        )
    with workspace_scope(workspace):
        assert not AuditEntry.objects.exists()


def test_a_target_that_a_person_could_have_typed_is_refused() -> None:
    workspace = a_workspace()

    with pytest.raises(FieldError) as refusal, workspace_scope(workspace):
        record(
            actor=a_member(workspace),
            action=Action.MODEL_IMPORTED,
            workspace=workspace,
            targets=["someone@example.org"],
        )

    assert "example" not in str(refusal.value)


def test_the_entry_goes_when_the_change_goes() -> None:
    workspace = a_workspace()

    with pytest.raises(ZeroDivisionError), workspace_scope(workspace), transaction.atomic():
        record(actor=a_member(workspace), action=Action.WORKSPACE_UPDATED, workspace=workspace)
        raise ZeroDivisionError
    with workspace_scope(workspace):
        assert not AuditEntry.objects.exists()


@pytest.mark.django_db(databases=[])
def test_an_entry_outside_a_transaction_is_refused(cluster: object, django_db_blocker: DjangoDbBlocker) -> None:
    workspace = a_workspace()

    with django_db_blocker.unblock(), pytest.raises(NoTransaction):
        record(actor=a_member(workspace), action=Action.WORKSPACE_UPDATED, workspace=workspace)
