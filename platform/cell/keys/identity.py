"""Ids of roots that are known by a name alone, because nothing can be computed from their key."""

from __future__ import annotations

import hashlib

from cell.key_config import RootRef
from cell.keys.provider import ROOT_ID_BYTES


def named_id(ref: RootRef) -> bytes:
    """The first bytes of SHA-256 over ``provider:name``."""
    return hashlib.sha256(str(ref).encode()).digest()[:ROOT_ID_BYTES]
