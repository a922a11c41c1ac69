"""Checking a proof file (C2SP tlog-proof v1): one entry is in the log that a checkpoint signs."""

from __future__ import annotations

from collections.abc import Sequence

from audit.merkle import ProofError, leaf_hash, verify_inclusion
from audit.tlogproof import MalformedProof, TlogProof
from audit.verifier import entries
from audit.verifier.signatures import keys, open_checkpoint
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
    body = proof.extra if entry is None else entry.removesuffix(b"\n")
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
    document = entries.parse(body)
    tree = checkpoint.origin.rpartition("/")[2]
    if tree != (document["workspace"] or CELL_TREE):
        raise Tampered("the entry is of another workspace than the log that holds it")
    what = f"{document['action']}, entry {proof.index} of {checkpoint.size} in the log of {tree}"
    facts = [f"id: {document['id']}", f"time: {document['time']}", *facts]
    return Verdict(what, tuple(map(str, trusted)), True, tuple(facts))
