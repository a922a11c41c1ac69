"""One level of the cache: what it holds, whose it is, and what leaves first."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from inference.engine.library.cache_keys import Secret
from inference.engine.library.packed import Packed


@dataclass(slots=True)
class Entry:
    """An entry at one level. In memory `packed` is its value; `secret` and `bound` are what its seal needs on the way to disk."""

    owner: bytes
    name: bytes
    version: bytes
    size: int
    packed: Packed | None = None
    secret: Secret | None = field(default=None, repr=False)
    bound: bytes = field(default=b"", repr=False)

    def wipe(self) -> None:
        if self.packed is not None:
            self.packed.wipe()


class CacheLevel:
    """Least recently used first, by owner: where room is needed, the owner with the most bytes gives it, so that a busy workspace
    pushes out its own entries and not a quiet one's."""

    def __init__(self, name: str, capacity: int) -> None:
        """`capacity` in bytes."""
        self.name = name
        self.capacity = capacity
        self.used = 0
        self.hits = 0
        self.evictions = 0
        self._owners: dict[bytes, OrderedDict[bytes, Entry]] = {}
        self._bytes: dict[bytes, int] = {}

    def __len__(self) -> int:
        return sum(map(len, self._owners.values()))

    def bytes_of(self, owner: bytes) -> int:
        return self._bytes.get(owner, 0)

    def entries(self, owner: bytes | None = None) -> list[Entry]:
        """Of one owner or of all, least recently used first within an owner."""
        owners = self._owners.values() if owner is None else [self._owners.get(owner, OrderedDict())]
        return [entry for entries in owners for entry in entries.values()]

    def find(self, owner: bytes, name: bytes) -> Entry | None:
        """The entry, which becomes its owner's most recently used."""
        entries = self._owners.get(owner)
        if entries is None or name not in entries:
            return None
        entries.move_to_end(name)
        return entries[name]

    def add(self, entry: Entry) -> None:
        """For an entry that is not there yet."""
        self._owners.setdefault(entry.owner, OrderedDict())[entry.name] = entry
        self._bytes[entry.owner] = self.bytes_of(entry.owner) + entry.size
        self.used += entry.size

    def take(self, entry: Entry) -> None:
        """Forgets an entry; wiping it is the caller's."""
        entries = self._owners[entry.owner]
        del entries[entry.name]
        self.used -= entry.size
        self._bytes[entry.owner] -= entry.size
        if not entries:
            del self._owners[entry.owner], self._bytes[entry.owner]

    def oldest(self, owner: bytes) -> Entry | None:
        return next(iter(self._owners.get(owner, OrderedDict()).values()), None)

    def first_out(self, newcomer: Entry | None = None) -> Entry:
        """What leaves to make room, a newcomer's size counted as its owner's. The level must hold something."""

        def weight(owner: bytes) -> int:
            return self._bytes[owner] + (newcomer.size if newcomer is not None and newcomer.owner == owner else 0)

        return next(iter(self._owners[max(self._owners, key=weight)].values()))
