from __future__ import annotations

import io
import tarfile
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from audit import proofs, supertree
from audit.actions import Action
from audit.bundle import CELL_PROOF, CHECKPOINT_NEW
from audit.checkpoint import Checkpoint
from audit.exports import export_create, export_download
from audit.log import record, tree_of
from audit.merkle import ProofError, leaf_hash, verify_consistency, verify_inclusion
from audit.models import CheckpointLeaf
from audit.sealer import seal_tree
from audit.signing import vkeys
from audit.supertree import seal_checkpoint, seal_checkpoints
from audit.tlogproof import TlogProof
from audit.verifier.export import verify_export
from bailiwick.embedded.cluster import Cluster
from cell import jobs, notes
from cell.access import WorkspaceRef
from cell.models import Job
from cell.tenancy import workspace_scope
from tests.audit.people import a_member, a_workspace
from tests.audit.unpacking import unpack

pytestmark = pytest.mark.usefixtures("committed")

ORIGIN = "audit.eu-de-1.bailiwick/checkpoints"


def _sealed(workspace: WorkspaceRef, entries: int = 1) -> Checkpoint:
    with workspace_scope(workspace):
        for _ in range(entries):
            record(actor=a_member(workspace), action=Action.WORKSPACE_UPDATED, workspace=workspace)
    seal_tree(tree_of(workspace))
    return Checkpoint.parse(notes.verify(proofs.checkpoint(workspace).note, vkeys()))


def _verify(proof: proofs.Inclusion, leaf: Checkpoint) -> Checkpoint:
    """The checkpoint of checkpoints that `proof` shows `leaf` to be in, as a reader with the cell's key finds out."""
    signed = Checkpoint.parse(notes.verify(proof.checkpoint.note, vkeys()))
    verify_inclusion(
        index=proof.index,
        size=signed.size,
        leaf=leaf_hash(leaf.text.encode()),
        path=proof.path,
        root=signed.root,
    )
    return signed


def test_the_checkpoint_of_every_log_is_proven_to_be_in_one_signed_tree() -> None:
    workspaces = [a_workspace() for _ in range(3)]
    checkpoints = [_sealed(workspace, 1 + number) for number, workspace in enumerate(workspaces)]

    assert seal_checkpoints() >= 3

    for workspace, checkpoint in zip(workspaces, checkpoints, strict=True):
        proof = proofs.super_inclusion(workspace)
        assert proof.body == checkpoint.text.encode()
        assert _verify(proof, checkpoint).origin == ORIGIN


def test_a_checkpoint_that_was_shown_to_one_customer_alone_is_not_in_it() -> None:
    workspace = a_workspace()
    checkpoint = _sealed(workspace, 2)
    seal_checkpoints()
    proof = proofs.super_inclusion(workspace)

    for forked in (
        Checkpoint(checkpoint.origin, checkpoint.size, bytes(32)),
        Checkpoint(checkpoint.origin, checkpoint.size + 1, checkpoint.root),
        Checkpoint(f"{checkpoint.origin}0", checkpoint.size, checkpoint.root),
    ):
        with pytest.raises(ProofError):
            _verify(proof, forked)


def test_it_only_grows_and_takes_each_checkpoint_once() -> None:
    workspace = a_workspace()
    _sealed(workspace)
    seal_checkpoints()
    old = proofs.super_checkpoint(workspace)
    listed = proofs.super_inclusion(workspace).index
    seal_checkpoints()
    assert proofs.super_inclusion(workspace).index == listed

    _sealed(workspace)
    seal_checkpoints()

    proof = proofs.super_consistency(workspace, old.size)
    assert proof.checkpoint.size > old.size
    verify_consistency(
        first=old.size,
        second=proof.checkpoint.size,
        first_root=old.root,
        second_root=proof.checkpoint.root,
        path=proof.path,
    )


def test_leaves_are_dense_and_hashed_as_they_say(cluster: Cluster) -> None:
    for _ in range(2):
        _sealed(a_workspace())
        seal_checkpoints()

    with psycopg.connect(cluster.url("bailiwick_auditor")) as auditor:
        rows = auditor.execute(
            "select number, tree, size, root, leaf_hash from audit_checkpoint_leaf order by number"
        ).fetchall()
    assert [number for number, *_ in rows] == list(range(len(rows)))
    assert all(
        leaf_hash(supertree.leaf_text(tree, size, bytes(root))) == bytes(leaf) for _, tree, size, root, leaf in rows
    )
    assert "checkpoints" not in {tree for _, tree, *_ in rows}
    assert "cell" in {tree for _, tree, *_ in rows} or len(rows) > 0


def test_one_checkpoint_can_be_added_when_it_is_needed_and_an_unknown_one_cannot() -> None:
    workspace = a_workspace()
    first = _sealed(workspace)
    second = _sealed(workspace)

    for _ in range(2):
        seal_checkpoint(tree_of(workspace), 1)

    _verify(proofs.super_inclusion(workspace, size=1), first)
    with pytest.raises(proofs.NotSealed):
        proofs.super_inclusion(workspace, size=2)
    with pytest.raises(supertree.NoSuchCheckpoint):
        seal_checkpoint(tree_of(workspace), 3)
    with pytest.raises(supertree.NoSuchCheckpoint):
        seal_checkpoint("checkpoints", proofs.super_checkpoint(workspace).size)
    seal_checkpoints()
    _verify(proofs.super_inclusion(workspace), second)


def test_two_do_not_add_at_once(cluster: Cluster) -> None:
    workspace = a_workspace()
    _sealed(workspace)

    with psycopg.connect(cluster.url("bailiwick_sealer")) as other:
        other.execute("select pg_advisory_xact_lock(hashtextextended('audit/checkpoints', 0))")
        assert seal_checkpoints() == 0

    assert seal_checkpoints() >= 1


def test_its_hour_comes_once_an_hour() -> None:
    _sealed(a_workspace())
    seal_checkpoints()

    assert not supertree.due(timedelta(hours=1))
    assert supertree.due(timedelta(0))


def test_nobody_is_shown_the_checkpoints_of_others() -> None:
    workspace, other = a_workspace(), a_workspace()
    _sealed(workspace)
    seal_checkpoints()

    with pytest.raises(proofs.NotSealed):
        proofs.super_inclusion(other)
    with workspace_scope(other):
        assert not CheckpointLeaf.objects.filter(tree=tree_of(workspace)).exists()
    with workspace_scope(workspace):
        assert CheckpointLeaf.objects.filter(tree=tree_of(workspace)).count() == 1


def test_an_export_carries_the_proof_that_its_checkpoint_is_in_the_cells_tree(tmp_path: Path) -> None:
    workspace = a_workspace()
    _sealed(workspace, 3)
    asked = export_create(actor=a_member(workspace), workspace=workspace)
    with workspace_scope(workspace):
        job = Job.objects.get(effect_key=f"export/{asked.id}").id
    jobs.run(job)

    with (
        export_download(actor=a_member(workspace), workspace=workspace, export=asked.id) as content,
        tarfile.open(fileobj=io.BytesIO(content.read())) as tar,
    ):
        unpack(tar, tmp_path / "export")

    leaf = Checkpoint.parse(notes.verify((tmp_path / "export" / CHECKPOINT_NEW).read_text(), vkeys()))
    proof = TlogProof.parse((tmp_path / "export" / CELL_PROOF).read_text())
    signed = Checkpoint.parse(notes.verify(proof.checkpoint, vkeys()))
    assert (signed.origin, proof.extra) == (ORIGIN, leaf.text.encode())
    verify_inclusion(
        index=proof.index, size=signed.size, leaf=leaf_hash(leaf.text.encode()), path=proof.path, root=signed.root
    )
    verdict = verify_export(tmp_path / "export", vkeys())
    assert f"its checkpoint is number {proof.index} of {signed.size} in the cell's tree of checkpoints" in verdict.facts
