"""How one key is wrapped under the next: who is bound to what. No database here."""

from __future__ import annotations

import os
from datetime import date
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cell.key_config import RootRef
from cell.keys.provider import KEY_BYTES, KeyProvider, open_key, seal_key

# The label says what the bytes are: a wrapped data key never opens as an epoch key.
_WORKSPACE, _EPOCH, _DATA = b"bailiwick/workspace-key/v1", b"bailiwick/epoch-key/v1", b"bailiwick/data-key/v1"
_NAMED = b"bailiwick/named-key/v1"


def new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def wrap_workspace_key(keys: KeyProvider, key: bytes, workspace: UUID, own: RootRef | None = None) -> bytes:
    """Under the cell's root, or the customer's `own` key. May block on a network. Raises RootUnavailable."""
    return keys.wrap(key, _WORKSPACE + workspace.bytes, own)


def unwrap_workspace_key(keys: KeyProvider, wrapped: bytes, workspace: UUID, own: RootRef | None = None) -> AESGCM:
    """May block on a network. Raises UnwrapError or RootUnavailable."""
    return AESGCM(keys.unwrap(wrapped, _WORKSPACE + workspace.bytes, own))


def rewrap_workspace_key(keys: KeyProvider, wrapped: bytes, workspace: UUID) -> bytes:
    """The same key under the cell's root of today. May block on a network. Raises UnwrapError or RootUnavailable."""
    return keys.wrap(keys.unwrap(wrapped, _WORKSPACE + workspace.bytes), _WORKSPACE + workspace.bytes)


def wrap_epoch_key(workspace_key: AESGCM, key: bytes, workspace: UUID, day: date) -> bytes:
    return seal_key(workspace_key, key, _epoch_context(workspace, day))


def unwrap_epoch_key(workspace_key: AESGCM, wrapped: bytes, workspace: UUID, day: date) -> AESGCM:
    """Raises UnwrapError."""
    return AESGCM(open_key(workspace_key, wrapped, _epoch_context(workspace, day)))


def rewrap_epoch_key(before: AESGCM, after: AESGCM, wrapped: bytes, workspace: UUID, day: date) -> bytes:
    """The same key under another workspace key. Raises UnwrapError."""
    context = _epoch_context(workspace, day)
    return seal_key(after, open_key(before, wrapped, context), context)


def wrap_data_key(epoch_key: AESGCM, key: bytes, workspace: UUID, request: UUID) -> bytes:
    return seal_key(epoch_key, key, _DATA + workspace.bytes + request.bytes)


def unwrap_data_key(epoch_key: AESGCM, wrapped: bytes, workspace: UUID, request: UUID) -> bytes:
    """Raises UnwrapError."""
    return open_key(epoch_key, wrapped, _DATA + workspace.bytes + request.bytes)


def seal_named_key(keys: KeyProvider, key: bytes, owner: UUID, purpose: str) -> bytes:
    return keys.seal_secret(key, _NAMED + owner.bytes + purpose.encode())


def open_named_key(keys: KeyProvider, sealed: bytes, owner: UUID, purpose: str) -> bytes:
    """Raises UnwrapError."""
    return keys.open_secret(sealed, _NAMED + owner.bytes + purpose.encode())


def _epoch_context(workspace: UUID, day: date) -> bytes:
    return _EPOCH + workspace.bytes + day.toordinal().to_bytes(4, "big")
