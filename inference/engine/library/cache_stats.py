"""What the cache says of itself and of an erasure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LevelStats:
    entries: int
    bytes: int
    capacity: int
    hits: int
    evictions: int
    """Entries that left for want of room, to the next level or for good."""


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Counts since the cache was opened. It names no workspace."""

    levels: Mapping[str, LevelStats]
    hits: int
    misses: int
    torn: int
    """Files whose seal did not hold; each was a miss too."""
    promotions: int
    demotions: int
    refused: int
    """Values not kept: larger than every level or than their workspace's quota, not made of tensors, or from before an erasure."""

    @property
    def hit_rate(self) -> float:
        """From 0 to 1; 0 before the first look."""
        return self.hits / max(1, self.hits + self.misses)


@dataclass(frozen=True, slots=True)
class CacheReceipt:
    """What an erasure wiped. Entries and bytes by level; an entry at two levels counts at both."""

    workspace: str
    epoch: int
    """The epoch that ended; nothing of it can be read or put any more."""
    keys_rotated: int
    entries: Mapping[str, int]
    bytes: Mapping[str, int]
    began: datetime
    ended: datetime
