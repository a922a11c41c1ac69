"""The tree of checkpoints, one for a cell: its leaves are the texts of the checkpoints of all the cell's logs.

A checkpoint that is in it cannot be shown to one reader alone, nor a log be hidden, without hiding the whole tree.
"""

from __future__ import annotations

from collections.abc import Sequence

from audit.checkpoint import Checkpoint, MalformedCheckpoint
from audit.merkle import ProofError, leaf_hash, verify_inclusion
from audit.tlogproof import MalformedProof, TlogProof
from audit.verifier.signatures import open_checkpoint
from audit.verifier.verdict import Tampered
from cell.notes import VerifierKey

SUPER_TREE = "checkpoints"
"""Names it in its origin."""


def check_listed(text: str, checkpoint: Checkpoint, trusted: Sequence[VerifierKey]) -> tuple[str, str]:
    """Checks that the proof file `text` shows `checkpoint` in its cell's tree of checkpoints.

    Returns that tree's signed note and a fact for the reader. Raises Tampered or Untrusted.
    """
    try:
        proof = TlogProof.parse(text)
    except MalformedProof as error:
        raise Tampered(str(error)) from None
    leaf = checkpoint.text.encode()
    if proof.extra not in (None, leaf):
        raise Tampered("the proof in the tree of checkpoints is of another checkpoint")
    top = open_checkpoint("the tree of checkpoints", proof.checkpoint, trusted)
    if top.origin != f"{checkpoint.origin.rpartition('/')[0]}/{SUPER_TREE}":
        raise Tampered("the proof in the tree of checkpoints leads to another tree")
    try:
        verify_inclusion(index=proof.index, size=top.size, leaf=leaf_hash(leaf), path=proof.path, root=top.root)
    except ProofError:
        raise Tampered("the new checkpoint is not in the tree of checkpoints") from None
    return proof.checkpoint, f"its checkpoint is number {proof.index} of {top.size} in the cell's tree of checkpoints"


def listed(body: bytes, top: Checkpoint) -> Checkpoint:
    """The checkpoint that a leaf of the tree `top` is. Raises Tampered unless it is one of the same cell's logs."""
    try:
        checkpoint = Checkpoint.parse(body.decode())
    except (MalformedCheckpoint, UnicodeDecodeError):
        raise Tampered("what is in the tree of checkpoints is none") from None
    cell, _, tree = checkpoint.origin.rpartition("/")
    if cell != top.origin.rpartition("/")[0] or tree == SUPER_TREE:
        raise Tampered("the checkpoint is of another cell than the tree that holds it")
    return checkpoint
