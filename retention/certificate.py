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

from audit import canonical, certificates
from audit.entry import timestamp
from audit.proofs import NotSealed
from cell.access import WorkspaceRef
from cell.config import config
from cell.ids import Tag, tagged
from retention import stores
from retention.models import Erasure
from retention.stores import Evidence

VERSION = 1
TYPE = "bailiwick/erasure/primary-erased"
EXCLUDED = (
    {
        "what": "audit entries of the request and of its erasure",
        "why": "proof of what was done (GDPR 5(2)); ids, counts and times only, people as pseudonyms",
    },
    {
        "what": "figures of the request: model, token counts, times, status",
        "why": "billing and abuse limits; without the subject's pseudonym they are about no person",
    },
)


@dataclass(frozen=True, slots=True)
class Statement:
    body: bytes
    """RFC 8785 canonical JSON."""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def statement_of(row: Erasure, evidence: Mapping[str, Evidence], erased_at: datetime) -> Statement:
    """What is signed about an erasure whose every store was found clean. Raises ValueError if one was not."""
    if row.fenced_at is None or any(found.remaining for found in evidence.values()):
        raise ValueError("an erasure without clean evidence from every store has nothing to state")
    cell = config().cell
    document: dict[str, Any] = {
        "v": VERSION,
        "type": TYPE,
        "erasure": tagged(Tag.ERASURE, cell, row.id),
        "cell": cell,
        "region": config().region,
        "organization": tagged(Tag.ORGANIZATION, cell, row.organization_id),
        "workspace": tagged(Tag.WORKSPACE, cell, row.workspace_id),
        "scope": {"request": tagged(Tag.REQUEST, cell, row.request_id)},
        "basis": "GDPR 17",
        "requestor": row.requestor,
        "received": timestamp(row.received_at),
        "fenced": timestamp(row.fenced_at),
        "erased": timestamp(erased_at),
        "stores": {name: _shown(row, name, found) for name, found in evidence.items()},
        "excluded": list(EXCLUDED),
        "backups": "Backups hold ciphertext only. A backup of the key store made before the erasure may hold the key, "
        "wrapped, until it ages out.",
        "horizon_days": config().keys.horizon_days,
        "beyond_recovery": timestamp(erased_at + timedelta(days=config().keys.horizon_days)),
        "software": f"bailiwick {version('bailiwick')}",
    }
    return Statement(canonical.dumps(document))


def _shown(row: Erasure, name: str, found: Evidence) -> dict[str, Any]:
    details = dict(found.details)
    return {
        "method": stores.store_named(name).method,
        "found": (row.manifest or {}).get(name, 0),
        "remaining": found.remaining,
        "evidence": details,
        "evidence_sha256": hashlib.sha256(canonical.dumps(details)).hexdigest(),
    }


def certificate_of(row: Erasure, workspace: WorkspaceRef) -> str | None:
    """The signed certificate with the proof that the log says the same; None while another sealer is at work."""
    if row.statement is None or row.entry_id is None:
        raise ValueError("an erasure that has not ended has no certificate")
    try:
        return certificates.issue(bytes(row.statement), workspace=workspace, entry=row.entry_id).decode()
    except NotSealed:
        return None
