"""Checking a certificate: the cell signed the statement, and the log holds its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from audit import canonical
from audit.certificate import Certificate, MalformedCertificate, certificate_text
from audit.merkle import ProofError, leaf_hash, verify_inclusion
from audit.verifier import entries
from audit.verifier.signatures import keys, open_checkpoint, open_note
from audit.verifier.verdict import Tampered, Verdict
from audit.verifier.witnesses import NOBODY, Quorum


def verify_certificate(data: bytes, pinned: Sequence[str] = (), quorum: Quorum = NOBODY) -> Verdict:
    """`data` is the file, `pinned` the verifier keys that the reader trusts; without any, those in the file are used.
    `quorum` has to have co-signed the checkpoint.

    Raises Tampered or Untrusted.
    """
    try:
        certificate = Certificate.from_bytes(data)
    except MalformedCertificate as error:
        raise Tampered(str(error)) from None
    enclosed = keys(certificate.vkeys)
    trusted = keys(pinned) if pinned else enclosed
    digest = hashlib.sha256(canonical.dumps(certificate.statement)).hexdigest()
    checkpoint = open_checkpoint("the checkpoint", certificate.checkpoint, trusted)
    witnessed = quorum.check("the checkpoint", certificate.checkpoint)
    if open_note("the certificate", certificate.note, trusted, origin_line=1) != certificate_text(
        checkpoint.origin, digest
    ):
        raise Tampered("the signature is over another statement than the one shown, or over another log")
    body = certificate.entry.encode()
    try:
        verify_inclusion(
            index=certificate.index,
            size=checkpoint.size,
            leaf=leaf_hash(body),
            path=certificate.path,
            root=checkpoint.root,
        )
    except ProofError:
        raise Tampered("the entry is not in the log that the checkpoint signs") from None
    entry = entries.parse(body)
    workspace = certificate.statement.get("workspace")
    if (entry["after"] or {}).get("statement_sha256") != digest:
        raise Tampered("the log's entry vouches for another statement")
    if entry["workspace"] != workspace or checkpoint.origin.rpartition("/")[2] != workspace:
        raise Tampered("the statement is about another workspace than the log that vouches for it")
    what = f"certificate of {entry['action']} for workspace {workspace}, entry {certificate.index} of {checkpoint.size}"
    return Verdict(what, tuple(map(str, trusted)), bool(pinned), (*_facts(certificate), *witnessed))


def _facts(certificate: Certificate) -> list[str]:
    """The statement's own plain members, as they were signed."""
    plain = {name: value for name, value in certificate.statement.items() if isinstance(value, str | int)}
    return [f"{name}: {value}" for name, value in sorted(plain.items())]
