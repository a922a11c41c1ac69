"""Blocks of the KV cache: who holds which. Imports no torch."""

from __future__ import annotations

BLOCK_TOKENS = 16


def blocks_for(tokens: int) -> int:
    """Number of blocks that hold `tokens` tokens."""
    return -(-tokens // BLOCK_TOKENS)


class BlockPool:
    """Counts the holders of each block. Block 0 is never given out: it pads tables and is never written."""

    def __init__(self, blocks: int) -> None:
        """`blocks` is the size of the cache, block 0 included."""
        self.size = blocks
        self._free = list(range(blocks - 1, 0, -1))
        self._holders = [0] * blocks

    @property
    def free(self) -> int:
        return len(self._free)

    @property
    def capacity(self) -> int:
        """Most blocks that can be held at once."""
        return self.size - 1

    def allocate(self, count: int) -> list[int]:
        """`count` blocks with one holder each. Raises ValueError when fewer are free: check `free` first."""
        if count > len(self._free):
            raise ValueError(f"{count} blocks asked for, {len(self._free)} free")
        blocks = [self._free.pop() for _ in range(count)]
        for block in blocks:
            self._holders[block] = 1
        return blocks

    def share(self, blocks: list[int]) -> None:
        """One more holder of each block."""
        for block in blocks:
            if self._holders[block] == 0:
                raise ValueError(f"block {block} is free and cannot be shared")
            self._holders[block] += 1

    def release(self, blocks: list[int]) -> list[int]:
        """One holder fewer of each block; returns those that nobody holds now, which the caller must wipe."""
        freed = []
        for block in blocks:
            if self._holders[block] == 0:
                raise ValueError(f"block {block} was released twice")
            self._holders[block] -= 1
            if self._holders[block] == 0:
                freed.append(block)
        self._free += freed
        return freed
