from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from random import randint, uniform
from uuid import UUID

import psycopg
import pytest
from django.db import connections

from audit import proofs
from audit.actions import Action
from audit.checkpoint import Checkpoint
from audit.log import record, tree_of
from audit.merkle import ProofError, Range, leaf_hash, verify_consistency, verify_inclusion
from audit.models import AuditEntry
from audit.sealer import seal_all, seal_tree
from audit.signing import vkeys
from audit.tlogproof import TlogProof
from bailiwick.embedded.cluster import Cluster
from cell import notes
from cell.access import WorkspaceRef
from cell.ids import uuid7
from cell.tenancy import workspace_scope
from tests.audit.people import a_member, a_workspace

pytestmark = pytest.mark.usefixtures("committed")


def _record(workspace: WorkspaceRef, count: int = 1) -> None:
    actor = a_member(workspace)
    with workspace_scope(workspace):
        for _ in range(count):
            record(actor=actor, action=Action.WORKSPACE_UPDATED, workspace=workspace, after={"version": 1})


def _bodies(cluster: Cluster, tree: str) -> list[tuple[int, bytes]]:
    with psycopg.connect(cluster.url("bailiwick_auditor")) as auditor:
        rows = auditor.execute("select seq, body from audit_entry where tree = %s order by seq", [tree]).fetchall()
    return [(seq, bytes(body)) for seq, body in rows]


def test_sealing_numbers_every_entry_and_signs_the_root_over_them(cluster: Cluster) -> None:
    workspace = a_workspace()
    _record(workspace, 300)

    assert seal_tree(tree_of(workspace)) == 300
    _record(workspace, 5)
    assert seal_tree(tree_of(workspace)) == 5
    assert seal_tree(tree_of(workspace)) == 0

    rows = _bodies(cluster, tree_of(workspace))
    tree = Range()
    tree.extend(leaf_hash(body) for _, body in rows)
    signed = Checkpoint.parse(notes.verify(proofs.checkpoint(workspace).note, vkeys()))
    assert [seq for seq, _ in rows] == list(range(305))
    assert signed == Checkpoint(f"audit.eu-de-1.bailiwick/{tree_of(workspace)}", 305, tree.root())


def test_every_tree_with_something_to_seal_is_sealed() -> None:
    workspaces = [a_workspace() for _ in range(3)]
    for workspace in workspaces:
        _record(workspace)

    sealed = seal_all()

    assert sealed.trees >= 3 and sealed.entries >= 3
    assert [proofs.checkpoint(workspace).size for workspace in workspaces] == [1, 1, 1]


def test_two_sealers_never_number_the_same_tree(cluster: Cluster) -> None:
    workspace = a_workspace()
    _record(workspace)

    with psycopg.connect(cluster.url("bailiwick_sealer")) as other:
        _take(other, tree_of(workspace))
        assert seal_tree(tree_of(workspace)) == 0

    assert seal_tree(tree_of(workspace)) == 1


def test_numbers_are_dense_with_many_writers_and_sealers_that_are_killed(cluster: Cluster) -> None:
    workspace = a_workspace()
    tree = tree_of(workspace)
    stop = threading.Event()
    written: list[UUID] = []

    def write() -> None:
        with psycopg.connect(cluster.url("bailiwick_web")) as web:
            while not stop.is_set():
                numbers = [uuid7() for _ in range(randint(1, 20))]
                for number in numbers:
                    web.execute(
                        "insert into audit_entry (id, workspace_id, tree, kind, occurred_at, body)"
                        " values (%s, %s, %s, 0, clock_timestamp(), %s)",
                        [number, workspace.id, tree, number.bytes],
                    )
                web.commit()
                written.extend(numbers)
                stop.wait(0.01)

    writers = [threading.Thread(target=write) for _ in range(6)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(4):
            with _sealing_process(tree) as process:
                stop.wait(uniform(0.01, 0.15))
                process.send_signal(signal.SIGKILL)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    _wait_for_its_turn(cluster, tree)
    sealed_by_the_killed = proofs.checkpoint(workspace).size
    seal_tree(tree)

    rows = _bodies(cluster, tree)
    last = proofs.checkpoint(workspace)
    grown = Range()
    grown.extend(leaf_hash(body) for _, body in rows)
    assert 0 < sealed_by_the_killed <= last.size
    # Thousands of them: `all` and sets' sizes, because pytest takes minutes to explain how two such lists differ.
    assert all(seq == place for place, (seq, _) in enumerate(rows))
    assert len(rows) == len(written)
    assert not {body for _, body in rows} ^ {number.bytes for number in written}
    assert (last.size, last.root) == (len(rows), grown.root())


def _wait_for_its_turn(cluster: Cluster, tree: str) -> None:
    """PostgreSQL goes on with the statement of a sealer that was killed, and holds the tree until that is done."""
    with psycopg.connect(cluster.url("bailiwick_sealer")) as sealer:
        _take(sealer, tree)


def _take(sealer: psycopg.Connection, tree: str) -> None:
    """Makes `sealer` the one that works on `tree`, until its transaction ends."""
    sealer.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"audit/{tree}"])


class _sealing_process:
    """A process that does nothing but seal one tree, over and over, to be killed at whatever line it is."""

    def __init__(self, tree: str) -> None:
        program = (
            "import django; django.setup()\n"
            "from audit.sealer import seal_tree\n"
            # One batch and no more: with many writers on a slow machine there is always another.
            f"seal_tree({tree!r}, deadline=0)\nprint('ready', flush=True)\nwhile True: seal_tree({tree!r}, deadline=0)\n"
        )
        self._process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=_environment())

    def __enter__(self) -> subprocess.Popen[bytes]:
        assert self._process.stdout is not None
        self._process.stdout.readline()
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture
def workspace() -> Iterator[WorkspaceRef]:
    workspace = a_workspace()
    _record(workspace, 700)
    seal_tree(tree_of(workspace))
    yield workspace


def test_every_entry_can_be_proven_to_be_in_the_tree(workspace: WorkspaceRef) -> None:
    with workspace_scope(workspace):
        entries = [(row.pk, row.seq) for row in AuditEntry.objects.order_by("seq")]

    for entry, seq in entries[::97]:
        proof = proofs.inclusion(workspace, entry)

        assert proof.index == seq
        verify_inclusion(
            index=proof.index,
            size=proof.checkpoint.size,
            leaf=leaf_hash(proof.body),
            path=proof.path,
            root=proof.checkpoint.root,
        )
        assert TlogProof.parse(proof.tlog_proof) == TlogProof(seq, proof.path, proof.checkpoint.note, proof.body)


def test_every_older_tree_can_be_proven_to_be_the_beginning_of_this_one(
    workspace: WorkspaceRef, cluster: Cluster
) -> None:
    leaves = [leaf_hash(body) for _, body in _bodies(cluster, tree_of(workspace))]

    for first in (1, 2, 255, 256, 257, 511, 512, 513, 699, 700):
        old = Range()
        old.extend(leaves[:first])
        proof = proofs.consistency(workspace, first)
        verify_consistency(
            first=first,
            second=proof.checkpoint.size,
            first_root=old.root(),
            second_root=proof.checkpoint.root,
            path=proof.path,
        )


def test_there_is_no_proof_from_an_empty_tree_nor_from_one_that_is_larger(workspace: WorkspaceRef) -> None:
    for first in (0, -1, 701):
        with pytest.raises(ProofError):
            proofs.consistency(workspace, first)


def test_what_is_not_there_or_not_sealed_or_not_ours_has_no_proof(workspace: WorkspaceRef) -> None:
    with workspace_scope(workspace):
        entry = record(actor=a_member(workspace), action=Action.WORKSPACE_UPDATED, workspace=workspace)

    with pytest.raises(proofs.NotSealed):
        proofs.inclusion(workspace, entry)
    seal_tree(tree_of(workspace))
    proofs.inclusion(workspace, entry)
    with pytest.raises(proofs.NoEntry):
        proofs.inclusion(a_workspace(), entry)
    with pytest.raises(proofs.NoCheckpoint):
        proofs.checkpoint(a_workspace())


def test_the_leaf_hash_is_over_the_very_bytes(workspace: WorkspaceRef) -> None:
    with connections["auditor"].cursor() as cursor:
        cursor.execute("select body, leaf_hash from audit_entry where tree = %s", [tree_of(workspace)])
        rows = cursor.fetchall()

    assert len(rows) == 700
    assert all(bytes(leaf) == hashlib.sha256(b"\x00" + bytes(body)).digest() for body, leaf in rows)
