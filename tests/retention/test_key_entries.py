from __future__ import annotations

import msgspec
import pytest

from audit.models import AuditEntry
from cell.ids import uuid7
from cell.keys import cell_keys
from cell.keystore import custody, maker
from cell.keystore.operations import operations_waiting
from cell.keystore.rotation import rotate_workspace_key
from cell.tenancy import organization_scope, workspace_scope
from retention import key_entries
from retention.key_entries import record_key_operations
from tests.cell.keystore.test_keys import make_keys
from tests.factories import make_organization
from tests.retention.requests import serve

pytestmark = pytest.mark.usefixtures("committed")


def entries(workspace):
    with workspace_scope(workspace):
        bodies = [msgspec.json.decode(entry.body) for entry in AuditEntry.objects.order_by("id")]
    return [body for body in bodies if body["action"].startswith(("workspace-key.", "epoch-key."))]


def test_what_is_done_to_keys_stands_in_the_workspaces_log():
    organization = make_organization()
    workspace = organization.workspace
    serve(workspace)
    rotate_workspace_key(cell_keys(), workspace.id, None)
    custody.destroy_workspace_key(workspace.id)

    record_key_operations()

    found = entries(workspace)
    assert [entry["action"] for entry in found] == [
        "workspace-key.created",
        "epoch-key.created",
        "workspace-key.rotated",
        "epoch-key.destroyed",
        "workspace-key.destroyed",
    ]
    assert {entry["targets"][0] for entry in found} == {organization.workspace_id}
    assert {entry["actor"]["type"] for entry in found} == {"system"}
    assert found[2]["after"] == {"version": 2, "day": None, "root": cell_keys().root.id.hex(), "own": False}
    assert len(found[1]["after"]["day"]) == 10
    assert not [operation for operation in operations_waiting(1000) if operation.workspace == workspace.id]


def test_cut_off_between_the_two_databases_it_is_told_once(monkeypatch):
    workspace = make_organization().workspace
    serve(workspace)

    def dies(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(key_entries, "operations_told", dies)
        with pytest.raises(KeyboardInterrupt):
            record_key_operations()
    assert len(entries(workspace)) == 2
    record_key_operations()
    record_key_operations()
    assert len(entries(workspace)) == 2


def test_a_key_of_nobody_we_know_is_told_in_the_cells_own_log():
    workspace = uuid7()
    make_keys(workspace, uuid7())  # the store was not told whose it is
    assert record_key_operations() >= 2
    assert not [operation for operation in operations_waiting(1000) if operation.workspace == workspace]


def test_a_key_of_an_organization_itself_stands_in_the_cells_log_as_that_organizations():
    organization = make_organization()
    maker.data_key(organization.id, uuid7(), organization=organization.id)

    for _ in range(2):
        record_key_operations()

    with organization_scope(organization.id):
        bodies = [msgspec.json.decode(row.body) for row in AuditEntry.objects.filter(tree="cell").order_by("id")]
    found = [body for body in bodies if body["action"].startswith(("workspace-key.", "epoch-key."))]
    assert [body["action"] for body in found] == ["workspace-key.created", "epoch-key.created"]
    assert {(body["organization"], body["workspace"], *body["targets"]) for body in found} == {
        (f"org_eude1_{organization.id.hex}", None, f"org_eude1_{organization.id.hex}")
    }
