"""What hangs above a data key: a workspace's key and its epoch key of a day, as the store has them and opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cell.key_config import RootRef
from cell.keystore.asking import KeyRevoked

EPOCH_TTL_S = 60.0
"""How long an unwrapped epoch key may be used before the store is asked again."""
ROTATIONS_IN_A_ROW = 5
"""Of the workspace key between two looks at it, before it is given up."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A workspace's key and its epoch key of a day, as they are stored."""

    version: int
    """Of the workspace key; a stored epoch key is always under the version that is stored with it."""
    workspace_key: bytes
    own: RootRef | None
    epoch: UUID | None
    epoch_key: bytes | None
    """None where there is none yet, or where it was destroyed."""

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self:
        """From a row of `statements.SELECT_CHAIN`. Raises KeyRevoked if the workspace's key is destroyed."""
        version, workspace_key, own, epoch, epoch_key = row
        if workspace_key is None:
            raise KeyRevoked("the workspace's key is destroyed")
        return cls(version, workspace_key, None if own is None else RootRef.parse(own), epoch, epoch_key)


@dataclass(frozen=True, slots=True)
class Epoch:
    id: UUID
    key: AESGCM
    usable_until: float
    """On the monotonic clock."""
