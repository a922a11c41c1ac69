"""Certificates: a signed statement, with the proof that the log says the same.

The order is what makes one true. First the statement is final; then an entry that holds its hash is recorded, in the
transaction of what the statement says; then that entry is sealed; then the certificate is issued. Who holds it can check
offline that the cell signed it and that the log, which cannot be changed unseen, has it too.
"""

from __future__ import annotations

import hashlib
import json
from uuid import UUID

from audit import canonical, sealer
from audit.certificate import VERSION, Certificate, certificate_text
from audit.checkpoint import origin
from audit.cosigning.demand import cosign_soon
from audit.log import tree_of
from audit.proofs import inclusion
from audit.signing import signers, vkeys
from cell.access import WorkspaceRef
from cell.config import config
from cell.notes import sign


class StatementError(ValueError):
    """The statement is not the one that the entry was recorded for, or is about another workspace."""


def issue(statement: bytes, *, workspace: WorkspaceRef, entry: UUID) -> bytes:
    """The certificate file of `statement`, whose SHA-256 the committed `entry` holds. For a process that may seal.

    `statement` is canonical JSON (RFC 8785) without fractions and names its workspace: ``{"workspace": <public id>, …}``.
    Seals the workspace's tree first. Raises NoEntry, NotSealed (another sealer is at work: try again), StatementError, or
    NotCanonical.
    """
    document = canonical.loads(statement)
    digest = hashlib.sha256(statement).hexdigest()
    tree = tree_of(workspace)
    sealer.seal_tree(tree)
    cosign_soon((tree, inclusion(workspace, entry).checkpoint.size))
    proof = inclusion(workspace, entry)
    if (json.loads(proof.body)["after"] or {}).get("statement_sha256") != digest or document.get("workspace") != tree:
        raise StatementError("the entry does not vouch for this statement")
    return Certificate(
        version=VERSION,
        statement=document,
        note=sign(certificate_text(origin(config().region, tree), digest), signers()),
        entry=proof.body.decode(),
        index=proof.index,
        path=proof.path,
        checkpoint=proof.checkpoint.note,
        vkeys=tuple(vkeys()),
    ).to_bytes()
