"""The cell's audit keys: Ed25519 keys that sign checkpoints, export manifests and certificates.

There is one until it is rotated; then the new one and the one before it both sign, for a time that is stated when the new one
begins, so that whoever holds the old verifier key has that long to take the new one over (docs/formats/checkpoint.md).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from audit.checkpoint import signer_name
from audit.entry import now
from audit.models import SignerGeneration
from cell.config import config
from cell.keys import cell_keys
from cell.notes import Signer, sign, split, verify
from cell.telemetry import get_logger

FIRST = 1
_TTL_S = 5.0
"""A process learns of a rotation this much later; until then it signs as before, which the overlap allows."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Generation:
    number: int
    signer: Signer
    signs_until: datetime | None
    """None for the newest."""


@cache
def signer_of(generation: int) -> Signer:
    """The key of one generation, whether or not it signs."""
    purpose = "audit" if generation == FIRST else f"audit/{generation}"
    return cell_keys().note_signer(purpose, signer_name(config().region))


def generations() -> list[Generation]:
    """The generations that sign now, newest first."""
    at = now()
    found: list[Generation] = []
    until: datetime | None = None
    for row in SignerGeneration.objects.order_by("-generation"):
        signer = signer_of(row.generation)
        if signer.vkey != row.vkey:
            # Somebody wrote to the table who does not hold the root. The log goes on under the keys that are true.
            log.error("audit.signer.foreign", version=row.generation)
            continue
        found.append(Generation(row.generation, signer, until))
        until = row.overlap_until if until is None else min(until, row.overlap_until)
        if until <= at:
            return found
    return [*found, Generation(FIRST, signer_of(FIRST), until)]


def signers() -> list[Signer]:
    """The keys that sign now, newest first; at least one."""
    global _known
    known = _known
    if known is None or known[0] < time.monotonic():
        known = _known = time.monotonic() + _TTL_S, [generation.signer for generation in generations()]
    return known[1]


_known: tuple[float, list[Signer]] | None = None


def forget() -> None:
    """Has this process look up who signs before it signs again."""
    global _known
    _known = None


def vkeys() -> list[str]:
    """The verifier keys that this cell's notes are signed with, newest first. Keep a copy of your own: it is what an export is
    held against."""
    return [each.vkey for each in signers()]


def signed_now(note: str) -> str:
    """`note`, which a key of this cell signed at some time, with the signatures of the keys that sign now.

    For a state that was signed before a rotation and is shown after it. Lines of others, a witness's say, are kept. Raises
    NoteError if no key of this cell ever signed it.
    """
    text, lines = split(note)
    ours = [signer_of(number) for number in range(FIRST, _newest() + 1)]
    verify(note, [each.verifier for each in ours])
    there = {(name, hash_) for name, hash_, _ in lines}
    missing = [each for each in signers() if (each.name, each.verifier.hash) not in there]
    return note if not missing else note + sign(text, missing)[len(text) + 1 :]


def _newest() -> int:
    row = SignerGeneration.objects.order_by("-generation").first()
    return FIRST if row is None else row.generation
