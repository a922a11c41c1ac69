"""Blocks of the KV cache: who holds which, and which are kept for the next reader. Imports no torch.

A block is in exactly one of three states: *free* and zeroed, *held* by one or more choices, or *idle*: held by nobody and kept
because the prefix index may find it again. What stops being held or kept is *dirty* until the worker has zeroed it, which it
does before the next step computes anything.
"""

from __future__ import annotations

from inference.engine.prefix import BLOCK_TOKENS, PrefixIndex

__all__ = ["BLOCK_TOKENS", "DETERMINISTIC_PIECE", "BlockPool", "blocks_for"]

DETERMINISTIC_PIECE = 64
"""Prompts of deterministic requests are computed in pieces of this many tokens, from multiples of it."""
_EVICT = 16
"""Evictions at once: looking for the workspace that keeps most costs more than evicting one block too many."""


def blocks_for(tokens: int) -> int:
    """Number of blocks that hold `tokens` tokens."""
    return -(-tokens // BLOCK_TOKENS)


class BlockPool:
    """Counts the holders of each block. Block 0 is never given out: it pads tables and is never written."""

    def __init__(self, blocks: int, index: PrefixIndex | None = None) -> None:
        """`blocks` is the size of the cache, block 0 included; without `index` nothing is kept."""
        self.size = blocks
        self.index = index or PrefixIndex(quota=0)
        self._free = list(range(blocks - 1, 0, -1))
        self._holders = [0] * blocks
        self._dirty: list[int] = []

    @property
    def free(self) -> int:
        return len(self._free)

    @property
    def available(self) -> int:
        """Blocks that `allocate` could give out now."""
        return len(self._free) + self.index.idle

    @property
    def capacity(self) -> int:
        """Most blocks that can be held at once."""
        return self.size - 1

    @property
    def held(self) -> int:
        return self.capacity - self.available

    @property
    def held_share(self) -> float:
        """Part of the cache that running requests hold, 0 to 1."""
        return self.held / self.capacity

    def holders(self, block: int) -> int:
        return self._holders[block]

    def allocate(self, count: int) -> list[int]:
        """`count` blocks with one holder each. Raises ValueError when fewer are available: check `available` first."""
        if count > len(self._free):
            if count > self.available:
                raise ValueError(f"{count} blocks asked for, {self.available} available")
            self._reclaim(self.index.evict(max(count - len(self._free), min(_EVICT, self.index.idle))))
        blocks = [self._free.pop() for _ in range(count)]
        for block in blocks:
            self._holders[block] = 1
        return blocks

    def share(self, blocks: list[int]) -> None:
        """One more holder of each block, held or idle."""
        for block in blocks:
            if self._holders[block] == 0 and not self.index.take(block):
                raise ValueError(f"block {block} is free and cannot be shared")
            self._holders[block] += 1

    def release(self, blocks: list[int], *, keep: bool = True) -> None:
        """One holder fewer of each block; without `keep` nobody finds them any more.

        The last ones go first, so that a prefix is kept longer than what follows it.
        """
        for block in reversed(blocks):
            if not keep:
                self.index.unlink(block)
            if self._holders[block] == 0:
                raise ValueError(f"block {block} was released twice")
            self._holders[block] -= 1
            if self._holders[block] == 0 and not self.index.keep(block):
                self._reclaim([block])
        self._reclaim(self.index.over_quota())

    def forget(self, workspace: str) -> int:
        """Unlinks all that the workspace has in the index; the number of its blocks that are still held."""
        idle, held = self.index.forget(workspace)
        self._reclaim(idle)
        return held

    def take_dirty(self) -> list[int]:
        """The blocks to zero before anything is computed again."""
        dirty, self._dirty = self._dirty, []
        return dirty

    def some_free(self, count: int) -> list[int]:
        """Up to `count` free blocks, spread over all: for a check that they are zero."""
        return self._free[:: max(1, len(self._free) // max(1, count))][:count]

    def _reclaim(self, blocks: list[int]) -> None:
        self._free += blocks
        self._dirty += blocks
