"""The three levels of the cache and the ways between them: found entries rise, old ones sink, what memory they leave is zeroed."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from inference.engine.library.cache_level import CacheLevel, Entry
from inference.engine.library.packed import Packed, Unpackable, parse
from inference.engine.library.sealed_folder import OVERHEAD, SealedFolder, TornEntry

L1, L2, L3 = range(3)
NAMES = ("l1", "l2", "l3")
MOST_SEALED = (1 << 31) - 64
"""AES-GCM seals no more at once."""


class CacheLadder:
    """An entry is at l1 or at l2; it may be at l3 as well, whose copy spares it the way down. Not thread-safe."""

    def __init__(self, capacities: tuple[int, int, int], folder: SealedFolder | None, device: torch.device) -> None:
        """`capacities` in bytes."""
        self.levels = [CacheLevel(name, capacity) for name, capacity in zip(NAMES, capacities, strict=True)]
        self.folder = folder
        self.torn = self.promotions = self.demotions = 0
        self._device = device
        self._pinned = torch.cuda.is_available()
        if folder is not None:
            for found in folder.found():
                self.levels[L3].add(Entry(found.owner, found.name, found.version, found.size))
            self._shrink()

    def used_by(self, owner: bytes) -> int:
        """Bytes of an owner at all levels."""
        return sum(level.bytes_of(owner) for level in self.levels)

    def at(self, owner: bytes, name: bytes) -> Iterator[tuple[int, Entry]]:
        """Where an entry is, highest level first."""
        for number, level in enumerate(self.levels):
            entry = level.find(owner, name)
            if entry is not None:
                yield number, entry

    def content(self, number: int, entry: Entry, wanted: Entry) -> Packed | None:
        """An entry's value where it is, or from disk in host memory; None for a file that is torn, which is then gone.

        `wanted` holds the secret and what the seal is bound to.
        """
        if number != L3 or self.folder is None or wanted.secret is None:
            return entry.packed
        buffer: list[Tensor] = []

        def make(size: int) -> memoryview:
            buffer.append(torch.empty(size, dtype=torch.uint8, pin_memory=self._pinned))
            return buffer[0].numpy().data

        key = wanted.secret.sealing_key()
        try:
            self.folder.read(entry.owner, entry.name, entry.version, make, key=key, bound=wanted.bound)
        except TornEntry:
            self.torn += 1
            self.drop(L3, entry)
            return None
        try:
            return parse(buffer[0])
        except Unpackable:  # of a class that another process had loaded and this one has not
            buffer[0].zero_()
            return None

    def promote(self, number: int, entry: Entry, packed: Packed, wanted: Entry, quota: int | None) -> None:
        """Lets a found entry rise to l1 where that can hold it within its owner's quota; a file stays where it is."""
        room = packed.size <= self.levels[L1].capacity
        if number == L3 and quota is not None:
            room &= self._charged(entry.owner) + packed.size + OVERHEAD <= quota
        if number != L1 and room:
            if number == L2:
                self.levels[L2].take(entry)
            own = packed.to(self._device, pinned=False)
            packed.wipe()
            self.promotions += 1
            self.place(L1, Entry(entry.owner, entry.name, entry.version, own.size, own, wanted.secret, wanted.bound))
        elif number == L3:
            packed.wipe()

    def place(self, number: int, entry: Entry) -> bool:
        """Puts an entry that is in memory at a level or at the first below that can hold it; returns whether one can."""
        if number > L3 or entry.packed is None:
            return False
        level = self.levels[number]
        if entry.size > level.capacity:
            return self.place(number + 1, entry)
        if number == L3:
            return self._seal(entry)
        while level.used + entry.size > level.capacity:
            oldest = level.first_out(entry)
            level.take(oldest)
            level.evictions += 1
            if self.place(number + 1, oldest):
                self.demotions += 1
            else:
                oldest.wipe()
        if number == L2:
            packed = entry.packed
            entry.packed = packed.to(torch.device("cpu"), pinned=self._pinned)
            packed.wipe()
        level.add(entry)
        return True

    def make_room(self, entry: Entry, quota: int) -> bool:
        """Brings an owner within `quota` bytes with `entry`, oldest first from the lowest level up; False where it never fits."""
        size = entry.size + OVERHEAD
        if size > quota:
            return False
        while self._charged(entry.owner) + size > quota:
            number = max(number for number in range(3) if self.levels[number].bytes_of(entry.owner))
            oldest = self.levels[number].oldest(entry.owner)
            if oldest is not None:
                self.levels[number].evictions += 1
                self.drop(number, oldest)
        return True

    def _charged(self, owner: bytes) -> int:
        """What an owner's entries come to if they all had to be sealed: one that is in memory may sink to disk at any time."""
        return self.used_by(owner) + OVERHEAD * sum(len(level.entries(owner)) for level in self.levels[:L3])

    def drop(self, number: int, entry: Entry) -> None:
        """Forgets an entry at one level and wipes it there; a file is removed, sealed as it is."""
        self.levels[number].take(entry)
        entry.wipe()
        if number == L3 and self.folder is not None:
            self.folder.remove(entry.owner, entry.name, entry.version)

    def erase(self, owner: bytes) -> tuple[dict[str, int], dict[str, int]]:
        """Wipes all of an owner at all levels, files overwritten; returns entries and bytes by level."""
        counts = {level.name: len(level.entries(owner)) for level in self.levels}
        sizes = {level.name: level.bytes_of(owner) for level in self.levels}
        if self.folder is not None:
            counts[NAMES[L3]], sizes[NAMES[L3]] = self.folder.erase(owner)
        for level in self.levels:
            for entry in level.entries(owner):
                level.take(entry)
                entry.wipe()
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)  # zeroed means zeroed, not queued
        return counts, sizes

    def _seal(self, entry: Entry) -> bool:
        if self.folder is None or entry.packed is None or entry.secret is None or entry.size > MOST_SEALED:
            return False
        level = self.levels[L3]
        if level.find(entry.owner, entry.name) is None:
            memory = entry.packed.to(torch.device("cpu"), pinned=False)
            value = memory.buffer.numpy().data
            try:
                size = self.folder.write(
                    entry.owner, entry.name, entry.version, value, secret=entry.secret, bound=entry.bound
                )
            except OSError:
                return False  # a full disk costs the entry and nothing else
            finally:
                memory.wipe()
            level.add(Entry(entry.owner, entry.name, entry.version, size))
            self._shrink()
        entry.wipe()
        return True

    def _shrink(self) -> None:
        level = self.levels[L3]
        while level.used > level.capacity:
            level.evictions += 1
            self.drop(L3, level.first_out())
