"""Sizes of steps that a GPU's kernels are planned for, fitted to the steps that an engine has computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from compiler.backends.triton.tiles import MOST_ROWS
from compiler.runtime.buckets import fitted

_LEAST_STEPS = 1000
"""Of more tokens than `MOST_ROWS`: of fewer nobody knows yet what is usual."""
_GRAINS = ((256, 8), (2048, 64))
"""Up to so many tokens sizes are multiples of that, which is what tiles of products are; beyond, of `_COARSE`."""
_COARSE = 256


def fitted_to(seen: Mapping[int, int], default: Sequence[int]) -> tuple[int, ...]:
    """As many sizes as `default` has, up to the same largest, in which the least is computed for padding; `seen` are steps by their
    tokens.

    A step of few tokens takes as long as its weights are read, whatever its size: up to `MOST_ROWS` sizes are the default's.
    """
    few, largest = [size for size in default if size <= MOST_ROWS], max(default)
    counts: Counter[int] = Counter()
    for tokens, steps in seen.items():
        whole, rest = divmod(tokens, largest)
        if whole:
            counts[largest] += whole * steps
        if rest > MOST_ROWS:
            counts[_grained(rest, largest)] += steps
    if counts.total() < _LEAST_STEPS:
        return tuple(default)
    # What has not come yet may come: the largest size is always there.
    many = fitted(counts, len(default) - len(few) - (largest not in counts))
    return tuple(sorted({*few, *many, largest}))


def _grained(tokens: int, largest: int) -> int:
    grain = next((grain for most, grain in _GRAINS if tokens <= most), _COARSE)
    return min(largest, -(-tokens // grain) * grain)
