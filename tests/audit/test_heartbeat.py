from __future__ import annotations

from datetime import timedelta

import msgspec
import psycopg
import pytest
from django.db import transaction

from audit import proofs
from audit.actions import Action
from audit.heartbeat import beat
from audit.log import record, tree_of
from audit.sealer import seal_tree
from bailiwick.embedded.cluster import Cluster
from cell.access import WorkspaceRef, system_actor
from cell.tenancy import workspace_scope
from tests.audit.people import a_workspace

pytestmark = pytest.mark.usefixtures("committed")

NOW, HOUR = timedelta(0), timedelta(hours=1)


def _record(workspace: WorkspaceRef) -> None:
    with workspace_scope(workspace):
        record(actor=system_actor("job"), action=Action.WORKSPACE_UPDATED, workspace=workspace)


def _entries(cluster: Cluster, tree: str) -> list[dict[str, object]]:
    with psycopg.connect(cluster.url("bailiwick_auditor")) as auditor:
        rows = auditor.execute("select body from audit_entry where tree = %s order by id", [tree]).fetchall()
    return [msgspec.json.decode(bytes(body)) for (body,) in rows]


def test_a_tree_that_was_idle_says_so_and_one_in_use_does_not(cluster: Cluster) -> None:
    idle, waiting = a_workspace(), a_workspace()
    _record(idle)
    seal_tree(tree_of(idle))
    _record(waiting)

    assert beat(HOUR) >= 0
    assert len(_entries(cluster, tree_of(idle))) == 1  # it was in use less than an hour ago
    beat(NOW)

    entry = _entries(cluster, tree_of(idle))[-1]
    assert (entry["action"], entry["after"]) == ("log.heartbeat", {"interval_s": 0})
    assert entry["actor"] == {"type": "system", "id": None, "key": None, "auth": "job"}
    assert entry["organization"] == f"org_eude1_{idle.organization.hex}"
    assert len(_entries(cluster, tree_of(waiting))) == 1
    assert seal_tree(tree_of(idle)) == 1
    assert proofs.checkpoint(idle).size == 2


def test_a_heartbeat_that_waits_to_be_sealed_is_not_repeated(cluster: Cluster) -> None:
    workspace = a_workspace()
    _record(workspace)
    seal_tree(tree_of(workspace))

    beat(NOW)
    beat(NOW)

    assert len(_entries(cluster, tree_of(workspace))) == 2


def test_the_cells_own_tree_has_a_pulse_too(cluster: Cluster) -> None:
    _seal_the_cell()
    before = len(_entries(cluster, "cell"))

    beat(NOW)

    entries = _entries(cluster, "cell")
    assert len(entries) == before + 1
    assert (entries[-1]["action"], entries[-1]["workspace"], entries[-1]["organization"]) == (
        "log.heartbeat",
        None,
        None,
    )


def test_two_do_not_beat_at_once(cluster: Cluster) -> None:
    workspace = a_workspace()
    _record(workspace)
    seal_tree(tree_of(workspace))

    with psycopg.connect(cluster.url("bailiwick_sealer")) as other:
        other.execute("select pg_advisory_xact_lock(hashtextextended('audit/heartbeat', 0))")
        assert beat(NOW) == 0

    assert len(_entries(cluster, tree_of(workspace))) == 1


def _seal_the_cell() -> None:
    with transaction.atomic():
        record(actor=system_actor("command"), action=Action.CELL_MIGRATED)
    seal_tree("cell")
