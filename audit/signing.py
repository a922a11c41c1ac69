"""The cell's audit key: one Ed25519 key that signs checkpoints, export manifests and certificates."""

from __future__ import annotations

from functools import cache

from audit.checkpoint import signer_name
from cell.config import config
from cell.keys import cell_keys
from cell.notes import Signer


@cache
def signer() -> Signer:
    return cell_keys().note_signer("audit", signer_name(config().region))


def vkeys() -> list[str]:
    """The verifier keys that this cell's notes are signed with. Keep a copy of your own: it is what an export is held against."""
    return [signer().vkey]
