"""Secrets of destinations at rest: sealed under the cell's keys, each for its destination in its workspace alone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from audit.destinations.errors import Misconfigured
from audit.destinations.settings import AnySettings, secrets_of
from cell.keys import UnwrapError, cell_keys

_LABEL = b"audit-destination|"


def seal(secrets: Any, *, owner: UUID, destination: UUID) -> bytes:
    """`owner` is the workspace, or the organization whose workspaces' entries it gets."""
    return cell_keys().seal_secret(msgspec.json.encode(secrets), _context(owner, destination))


def unseal(sealed: bytes, settings: AnySettings, *, owner: UUID, destination: UUID) -> Any:
    """The secrets again. Raises Misconfigured if they are another destination's, or were altered."""
    try:
        plain = cell_keys().open_secret(sealed, _context(owner, destination))
    except UnwrapError:
        raise Misconfigured("the destination's secrets do not open: enter them anew") from None
    return secrets_of(settings, msgspec.json.decode(plain))


def _context(owner: UUID, destination: UUID) -> bytes:
    return _LABEL + owner.bytes + destination.bytes
