"""Which sizes to compile for: those that pad the least, over the sizes that were seen."""

from __future__ import annotations

from collections.abc import Mapping


def fitted(histogram: Mapping[int, float], most: int) -> tuple[int, ...]:
    """At most `most` sizes so that the least is computed in vain when each call is padded to the next of them.

    `histogram` says how often each size was seen. Exact: the best ladder up to a size ends there, and below its last step but one
    is the best ladder of one size less (Bellman). O(sizes² · most). Raises ValueError.
    """
    seen = sorted((size, weight) for size, weight in histogram.items() if weight > 0)
    if most < 1 or not seen or seen[0][0] < 1:
        raise ValueError("sizes of at least 1 with their counts, and a ladder of at least one step")
    sizes, counts = [size for size, _ in seen], [weight for _, weight in seen]
    # work[i][j]: of the calls from number i to j, all padded to the size of j.
    before = [0.0]
    for count in counts:
        before.append(before[-1] + count)
    steps = min(most, len(sizes))
    best = [sizes[end] * before[end + 1] for end in range(len(sizes))]
    chosen: list[list[int]] = []
    for _ in range(1, steps):
        found, from_ = [], []
        for end, size in enumerate(sizes):
            ways = [(size * before[end + 1], -1)]
            ways += [(best[last] + size * (before[end + 1] - before[last + 1]), last) for last in range(end)]
            cost, last = min(ways)
            found.append(cost)
            from_.append(last)
        best = found
        chosen.append(from_)
    ladder, at = [], len(sizes) - 1
    for from_ in reversed(chosen):
        ladder.append(sizes[at])
        at = from_[at]
        if at < 0:
            return tuple(reversed(ladder))
    return (sizes[at], *reversed(ladder))


def padded_work(histogram: Mapping[int, float], ladder: tuple[int, ...]) -> float:
    """What `ladder` computes for `histogram`, in sizes. Raises ValueError for a size that it has no step for."""
    total = 0.0
    for size, count in histogram.items():
        fitting = [step for step in ladder if step >= size]
        if not fitting:
            raise ValueError(f"no step takes {size}")
        total += min(fitting) * count
    return total
