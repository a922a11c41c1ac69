"""How work is cut into programs when nobody has tuned it: rules that a tuner starts from.

A matrix product of few rows reads its weight once and computes next to nothing: what counts is that all multiprocessors read at
once, with copies in flight. So tiles are a few columns wide, and DEPTH is split until there are programs for all. With tensor cores
a program is one warp, which waits for no other: on an H100 that reads up to twice as fast as four (`python -m bench.gpu.sweep`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from compiler.backends.triton.capabilities import Capabilities

FEW_ROWS = 2
"""Up to here products are summed by themselves; from here on tensor cores take 16 rows at a time, whether they are there or not."""
LEAST = 16
"""Rows, and terms of a sum, that tensor cores take at once."""
NARROWEST = 8
"""Columns that they do."""
MOST_ROWS = 64
"""Beyond this, a product is computing and not reading: the vendor's library is better at it."""
MOST_SPLITS = 16
_WAVES = 2
"""Programs that each multiprocessor should have, without tensor cores."""
_DEEP = 3
"""Programs of one warp that it should have where all run at once; where they do not, how often all that run are replaced, so that
few are idle at the end."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """Of a matrix product; sizes in elements, powers of two but for `split`."""

    block_m: int
    block_n: int
    """Columns of one tile; a pair of tiles has twice as many."""
    block_k: int
    split: int
    """Programs that share the sums of one tile."""
    warps: int
    stages: int
    """Tiles of the weight that are on their way at once."""

    def names(self) -> dict[str, int]:
        """As kernels call them."""
        return {
            "BLOCK_M": self.block_m,
            "BLOCK_N": self.block_n,
            "BLOCK_K": self.block_k,
            "SPLIT": self.split,
            "STAGES": self.stages,
        }


@dataclass(frozen=True, slots=True)
class Reach:
    """Of attention."""

    block_p: int
    """Places of the cache a step."""
    split: int
    warps: int
    stages: int


@dataclass(frozen=True, slots=True)
class PromptTile:
    """Of attention of many tokens, which computes more than it reads."""

    rows: int
    """Queries of a program: tokens times the heads that share keys."""
    places: int
    """Keys a step."""
    warps: int
    stages: int


def tiles(
    rows: int,
    columns: int,
    depth: int,
    dtype: torch.dtype,
    device: Capabilities,
    *,
    pair: bool,
    bytes_: int | None = None,
) -> Tiles:
    """Of `columns` (a pair's counted once) over `depth`; a weight's element has `bytes_`."""
    size = bytes_ or dtype.itemsize
    if rows <= FEW_ROWS:
        # More of a pair at once than this, and registers spill on one architecture or another.
        block_m, block_n, block_k = (
            power_above(rows),
            4 if pair or rows > 1 else 8,
            (512 if pair else 1024) // max(size, 2),
        )
        warps, stages = 4, 4 if pair else 3
    else:
        # Two lines of 128 bytes of each row of the weight; float32 has no tensor cores without losing bits.
        block_m = min(MOST_ROWS, max(LEAST, power_above(rows)))
        # Bytes become halves in registers: of a pair's, no more fit.
        block_n, block_k = 16 if pair and size == 1 else 32, 256 // max(size, 2)
        warps, stages = block_m // LEAST, 3 if device.async_copies else 2
    block_n = min(block_n, max(NARROWEST if rows > FEW_ROWS else 1, power_above(columns)))
    block_k = min(block_k, max(LEAST, power_above(depth)))
    made = Tiles(block_m, block_n, block_k, 1, warps, stages)
    programs = -(-columns // block_n) * -(-rows // block_m)
    steps = -(-depth // block_k)
    if rows <= FEW_ROWS:
        return replace(made, split=splits(programs, steps, device))
    held = stages * block_k * (block_m * dtype.itemsize + block_n * (2 if pair else 1) * size)
    return replace(made, split=deep_splits(programs, steps, held, device))


def whole_heads(made: Tiles, head: int, rows: int, depth: int, heads: int, device: Capabilities) -> Tiles:
    """The same with tiles as wide as half a head, as a norm of heads needs them."""
    block_n = head // 2
    few = rows <= FEW_ROWS
    block_k = max(LEAST, min(made.block_k, 2048 // block_n)) if few else made.block_k
    # As many columns a warp as before, or registers spill.
    warps = made.warps if few else min(8, made.warps * max(1, block_n // made.block_n))
    programs = heads * -(-rows // made.block_m)
    split = splits(programs, -(-depth // block_k), device)
    return replace(made, block_n=block_n, block_k=block_k, split=split, warps=warps)


def reach(texts: int, rows: int, places: int, head: int, device: Capabilities, tile: PromptTile | None = None) -> Reach:
    """Of attention of `texts` (each with each head of keys) over a cache of at most `places`, in tiles where these are given."""
    if tile is not None:
        return Reach(tile.places, splits(texts, -(-places // (4 * tile.places)), device), tile.warps, tile.stages)
    block_p = min(64 if head <= 128 else 32, max(LEAST, power_above(places)))
    return Reach(block_p, splits(texts, -(-places // (4 * block_p)), device), 4, 2 if rows > LEAST else 3)


def prompt_tile(head: int, dtype: torch.dtype, device: Capabilities) -> PromptTile:
    """As FlashAttention-2 (arXiv 2307.08691) has it, as far as shared memory and registers go."""
    if dtype == torch.float32:
        # No tensor cores without losing bits: what is multiplied stays in registers.
        return PromptTile(32, 32, 4, 1)
    stages = 2 if device.async_copies else 1
    if head > 128:
        return PromptTile(64, 32, 8, stages)
    rows = 128 if device.shared_bytes > 128 << 10 else 64
    # From Hopper on tensor cores take what they multiply from shared memory; before, it passes through registers.
    direct = device.kind == "cuda" and int(device.architecture) >= 90
    return PromptTile(rows, 64 if direct else 32, rows // 16, stages)


def splits(programs: int, steps: int, device: Capabilities) -> int:
    """Into how many each program is cut, so that all multiprocessors have some; each has a step at least."""
    wanted = -(-_WAVES * device.units // programs)
    return max(1, min(wanted, steps, MOST_SPLITS))


def deep_splits(programs: int, steps: int, held: int, device: Capabilities) -> int:
    """The same for programs with tensor cores, of which each holds `held` bytes of shared memory."""
    at_once = device.units * max(1, device.shared_bytes // held)
    wanted = -(-_DEEP * (device.units if programs <= at_once else at_once) // programs)
    return max(1, min(wanted, steps, MOST_SPLITS))


def power_above(number: int) -> int:
    """The smallest power of two that is at least `number`."""
    return 1 << max(0, number - 1).bit_length()
