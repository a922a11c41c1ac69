"""What the certificate of an erasure says. docs/formats/certificate.md describes the file, docs/erase.md what it claims.

It never says more than its evidence: that the primary stores are clean since a moment, and by when no backup can hold a key
that would open a copy. It holds ids of this cell, counts and times, and nothing of a person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any
from uuid import UUID

from audit import canonical, certificates
from audit.entry import timestamp
from audit.proofs import NotSealed
from cell.access import WorkspaceRef
from cell.config import config
from cell.ids import Tag, tagged
from retention import stores
from retention.backups.catalogue import KeyBackups
from retention.models import Erasure, ErasureScope
from retention.stores import Evidence, Target

VERSION = 2
"""Version 1 knew the erasure of a request only, and one statement."""
PRIMARY_ERASED = "bailiwick/erasure/primary-erased"
BEYOND_RECOVERY = "bailiwick/erasure/beyond-recovery"
EXCLUDED = (
    {
        "what": "audit entries of the request and of its erasure",
        "why": "proof of what was done (GDPR 5(2)); ids, counts and times only, people as pseudonyms",
    },
    {
        "what": "figures of the request: model, token counts, times, status",
        "why": "billing and abuse limits; without the subject's pseudonym they are about no person",
    },
    {
        "what": "the erasure itself, its tombstones and fences, jobs, and holds that have ended",
        "why": "so that nothing of it is stored again; ids and times, people as pseudonyms",
    },
)
EXCLUDED_OF_A_WORKSPACE = (
    {
        "what": "the workspace's id and name, its audit log with exports of it, and its sums of usage",
        "why": "proof of what was done (GDPR 5(2)) and billing; they are about the organization and no person",
    },
    {
        "what": "settings: how it was served, how long it kept payloads, names of its keys, which are revoked",
        "why": "they are about the organization and no person, and say what its log refers to",
    },
    {
        "what": "members of the organization, and which role they had in the workspace",
        "why": "they are not the workspace's; the organization removes them",
    },
)


@dataclass(frozen=True, slots=True)
class Statement:
    body: bytes
    """RFC 8785 canonical JSON."""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def statement_of(row: Erasure, target: Target, evidence: Mapping[str, Evidence], erased_at: datetime) -> Statement:
    """What is signed about an erasure whose every store was found clean. Raises ValueError if one was not."""
    document = _common(row, target, evidence, PRIMARY_ERASED) | {
        "erased": timestamp(erased_at),
        "excluded": [*EXCLUDED, *(EXCLUDED_OF_A_WORKSPACE if target.whole else ())],
        "backups": "Backups hold ciphertext only. A backup of the key store made before the erasure may hold the key, "
        "wrapped, until it ages out.",
        "horizon_days": config().keys.horizon_days,
        "beyond_recovery": timestamp(erased_at + timedelta(days=config().keys.horizon_days)),
    }
    return Statement(canonical.dumps(document))


@dataclass(frozen=True, slots=True)
class Aged:
    """What is known of copies of keys, besides the stores themselves."""

    backups: KeyBackups
    rewritten: datetime
    """When the last rewrite of the key store's files began that came to its end."""


def final_statement_of(
    row: Erasure, target: Target, evidence: Mapping[str, Evidence], at: datetime, aged: Aged
) -> Statement:
    """What is signed when the last backup that may hold a key has aged out, the key store's files were written anew, and every
    store was found clean once more.

    Raises ValueError before that, or if a store was not.
    """
    backups = aged.backups
    if row.erased_at is None or row.statement is None or not has_aged_out(row, at):
        raise ValueError("an erasure whose backups have not aged out is not beyond recovery")
    if backups.oldest is not None and backups.oldest <= row.erased_at:
        raise ValueError("an erasure with an older copy of the key store is not beyond recovery")
    if aged.rewritten <= row.erased_at:
        raise ValueError("an erasure whose keys may be in the key store's files is not beyond recovery")
    document = _common(row, target, evidence, BEYOND_RECOVERY) | {
        "erased": timestamp(row.erased_at),
        "primary_statement_sha256": Statement(bytes(row.statement)).sha256,
        "horizon_days": config().keys.horizon_days,
        "beyond_recovery": timestamp(at),
        "key_store_rewritten": timestamp(aged.rewritten),
        **_backups(backups),
    }
    return Statement(canonical.dumps(document))


def _backups(backups: KeyBackups) -> dict[str, Any]:
    if not backups.listed:
        return {
            "backups": "The key store's backups are kept no longer than the horizon, by the operator's configuration: none "
            "that may exist holds a key of what was erased."
        }
    return {
        "backups": "The cell's catalogue lists every backup that it made: no copy of the key store from before the erasure is left "
        "in it.",
        "catalogue": {
            "backups": backups.listed,
            "oldest_key_store": None if backups.oldest is None else timestamp(backups.oldest),
        },
    }


def has_aged_out(row: Erasure, at: datetime) -> bool:
    """Whether no backup of the key store from before the erasure may exist any more."""
    return row.erased_at is not None and at >= row.erased_at + timedelta(days=config().keys.horizon_days)


def _common(row: Erasure, target: Target, evidence: Mapping[str, Evidence], kind: str) -> dict[str, Any]:
    if row.fenced_at is None or any(found.remaining for found in evidence.values()):
        raise ValueError("an erasure without clean evidence from every store has nothing to state")
    cell = config().cell
    return {
        "v": VERSION,
        "type": kind,
        "erasure": tagged(Tag.ERASURE, cell, row.id),
        "cell": cell,
        "region": config().region,
        "organization": tagged(Tag.ORGANIZATION, cell, row.organization_id),
        "workspace": tagged(Tag.WORKSPACE, cell, row.workspace_id),
        "scope": _scope(target),
        "basis": "GDPR 17",
        "requestor": row.requestor,
        "received": timestamp(row.received_at),
        "fenced": timestamp(row.fenced_at),
        "stores": {name: _shown(row, name, found) for name, found in evidence.items()},
        "software": f"bailiwick {version('bailiwick')}",
    }


def _scope(target: Target) -> dict[str, str | int]:
    """What was erased. A subject stands there as the workspace's pseudonym of them, which says nothing outside of it."""
    cell = config().cell
    match target.scope:
        case ErasureScope.REQUEST:
            return {"request": tagged(Tag.REQUEST, cell, target.requests[0])}
        case ErasureScope.SUBJECT:
            return {"subject": (target.subject or b"").hex(), "requests": len(target.requests)}
        case ErasureScope.WORKSPACE:
            return {"workspace": tagged(Tag.WORKSPACE, cell, target.workspace.id)}


def _shown(row: Erasure, name: str, found: Evidence) -> dict[str, Any]:
    details = dict(found.details)
    return {
        "method": stores.store_named(name).method,
        "found": (row.manifest or {}).get(name, 0),
        "remaining": found.remaining,
        "evidence": details,
        "evidence_sha256": hashlib.sha256(canonical.dumps(details)).hexdigest(),
    }


def certificate_of(statement: bytes | memoryview | None, entry: UUID | None, workspace: WorkspaceRef) -> str | None:
    """The signed certificate with the proof that the log says the same; None while another sealer is at work."""
    if statement is None or entry is None:
        raise ValueError("an erasure that has not ended has no certificate")
    try:
        return certificates.issue(bytes(statement), workspace=workspace, entry=entry).decode()
    except NotSealed:
        return None
