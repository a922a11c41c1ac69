from __future__ import annotations

import hashlib
import json
from uuid import UUID

import pytest

from audit import canonical
from audit.actions import Action
from audit.certificates import StatementError, issue
from audit.log import record, tree_of
from audit.proofs import NoEntry
from audit.signing import vkeys
from audit.verifier.certificate import verify_certificate
from cell.access import WorkspaceRef, system_actor
from cell.ids import uuid7
from cell.tenancy import workspace_scope
from tests.audit.people import a_workspace

pytestmark = pytest.mark.usefixtures("committed")


def _state(workspace: WorkspaceRef, statement: bytes) -> UUID:
    with workspace_scope(workspace):
        return record(
            actor=system_actor("job"),
            action=Action.ERASURE_COMPLETED,
            workspace=workspace,
            after={"statement_sha256": hashlib.sha256(statement).hexdigest()},
        )


def test_a_certificate_verifies_offline_with_the_cells_key_alone() -> None:
    workspace = a_workspace()
    statement = canonical.dumps({"v": 1, "workspace": tree_of(workspace), "erasure": "ers_eude1_1"})
    entry = _state(workspace, statement)

    certificate = issue(statement, workspace=workspace, entry=entry)

    verdict = verify_certificate(certificate, vkeys())
    assert verdict.pinned and tree_of(workspace) in verdict.what
    assert json.loads(certificate)["statement"] == json.loads(statement)


def test_nothing_is_certified_that_the_log_does_not_hold() -> None:
    workspace = a_workspace()
    statement = canonical.dumps({"workspace": tree_of(workspace)})
    entry = _state(workspace, statement)

    with pytest.raises(StatementError):
        issue(canonical.dumps({"workspace": tree_of(workspace), "more": 1}), workspace=workspace, entry=entry)
    with pytest.raises(NoEntry):
        issue(statement, workspace=workspace, entry=uuid7())
    elsewhere = canonical.dumps({"workspace": tree_of(a_workspace())})
    with pytest.raises(StatementError):
        issue(elsewhere, workspace=workspace, entry=_state(workspace, elsewhere))
