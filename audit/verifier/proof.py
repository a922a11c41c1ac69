"""Checking a proof file (C2SP tlog-proof v1): an entry, or the checkpoint of a log, is in the tree that a checkpoint signs."""

from __future__ import annotations

from collections.abc import Sequence

from audit.checkpoint import Checkpoint
from audit.merkle import ProofError, leaf_hash, verify_inclusion
from audit.tlogproof import MalformedProof, TlogProof
from audit.verifier import entries
from audit.verifier.signatures import keys, open_checkpoint
from audit.verifier.supertree import SUPER_TREE, listed
from audit.verifier.verdict import Incomplete, Tampered, Verdict
from audit.verifier.witnesses import NOBODY, Quorum

CELL_TREE = "cell"
"""Names the tree of the entries that belong to no workspace."""


def verify_proof(
    data: bytes, pinned: Sequence[str] = (), entry: bytes | None = None, quorum: Quorum = NOBODY
) -> Verdict:
    """`data` is the file, `pinned` the verifier keys that the reader trusts: there are none in the file. `entry` is the entry's
    bytes, a newline after them or not, where the reader has them from elsewhere. Raises Tampered, Incomplete or Untrusted.
    """
    trusted = keys(pinned)
    try:
        proof = TlogProof.parse(data.decode())
    except (MalformedProof, UnicodeDecodeError) as error:
        raise Tampered(str(error) if isinstance(error, MalformedProof) else "the proof is not text") from None
    body = proof.extra if entry is None else entry
    if body is not None and body[:1] == b"{":
        body = body.removesuffix(b"\n")
    if body is None:
        raise Incomplete("the proof does not hold its entry: give it with --entry FILE")
    if proof.extra not in (None, body):
        raise Tampered("the proof is of another entry than the one given")
    checkpoint = open_checkpoint("the checkpoint", proof.checkpoint, trusted)
    facts = quorum.check("the checkpoint", proof.checkpoint)
    try:
        verify_inclusion(
            index=proof.index, size=checkpoint.size, leaf=leaf_hash(body), path=proof.path, root=checkpoint.root
        )
    except ProofError:
        raise Tampered("the entry is not in the log that the checkpoint signs") from None
    what, more = (
        _of_checkpoint(body, checkpoint, proof)
        if _tree(checkpoint) == SUPER_TREE
        else _of_entry(body, checkpoint, proof)
    )
    return Verdict(what, tuple(map(str, trusted)), True, (*more, *facts))


def _of_entry(body: bytes, log: Checkpoint, proof: TlogProof) -> tuple[str, list[str]]:
    entry = entries.parse(body)
    if _tree(log) != (entry["workspace"] or CELL_TREE):
        raise Tampered("the entry is of another workspace than the log that holds it")
    what = f"{entry['action']}, entry {proof.index} of {log.size} in the log of {_tree(log)}"
    return what, [f"id: {entry['id']}", f"time: {entry['time']}"]


def _of_checkpoint(body: bytes, top: Checkpoint, proof: TlogProof) -> tuple[str, list[str]]:
    checkpoint = listed(body, top)
    what = f"checkpoint of {_tree(checkpoint)}, number {proof.index} of {top.size} in the cell's tree of checkpoints"
    return what, [f"size: {checkpoint.size}"]


def _tree(checkpoint: Checkpoint) -> str:
    return checkpoint.origin.rpartition("/")[2]
