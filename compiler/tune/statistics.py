"""What samples say: a low estimate for the search, and an interval of a paired ratio for the decision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_RESAMPLES = 4_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """Candidate over incumbent, so that below 1 the candidate is faster."""

    ratio: float
    """Median of the paired ratios."""
    low: float
    high: float
    """Ends of the interval of that median."""
    level: float
    """The interval's confidence, 0.95 or what was asked for."""
    pairs: int

    def wins(self, margin: float = 0.0) -> bool:
        """Whether the whole interval lies below 1 − `margin`."""
        return self.high < 1 - margin


def fewest_pairs(level: float) -> int:
    """Pairs below which no interval of a median holds at `level`, whatever the samples: even the widest may miss it."""
    return 1 + math.ceil(math.log2(1 / (1 - level)))


def compare(
    candidate: Sequence[float], incumbent: Sequence[float], *, level: float = 0.95, seed: int = 0
) -> Comparison:
    """The median of candidate[i] / incumbent[i] with its interval; the same for the same `seed`.

    A sample and its partner were taken side by side, so what disturbs both cancels in their ratio. The interval is the wider
    at each end of the percentile bootstrap's and the one between order statistics: the first alone is too narrow by a little
    (4 in 100 equals would win instead of 2.5), the second holds for every distribution. Raises ValueError unless there are as
    many of one as of the other, at least `fewest_pairs(level)`, all above zero.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    if len(candidate) != len(incumbent) or len(candidate) < fewest_pairs(level):
        counts = f"{len(candidate)} and {len(incumbent)} samples"
        raise ValueError(f"at least {fewest_pairs(level)} pairs are needed at level {level:g}, not {counts}")
    above, below = np.asarray(candidate, dtype=np.float64), np.asarray(incumbent, dtype=np.float64)
    if not (above > 0).all() or not (below > 0).all():
        raise ValueError("every sample must be above zero")
    ratios = np.sort(above / below)
    picks = np.random.default_rng(seed).integers(0, len(ratios), (_RESAMPLES, len(ratios)))
    medians = np.median(ratios[picks], axis=1)
    tail = (1 - level) / 2
    outer = _order(len(ratios), tail)
    low = min(float(np.quantile(medians, tail)), float(ratios[outer]))
    high = max(float(np.quantile(medians, 1 - tail)), float(ratios[-1 - outer]))
    return Comparison(float(np.median(ratios)), low, high, level, len(ratios))


def _order(samples: int, tail: float) -> int:
    """How many of the sorted samples lie outside at each end, so that the median lies beyond with at most chance `tail`.

    The number of samples below a median is binomial with one half, whatever they are drawn from.
    """
    outside, chance = 0, 0.5**samples
    while chance + math.comb(samples, outside + 1) * 0.5**samples <= tail:
        outside += 1
        chance += math.comb(samples, outside) * 0.5**samples
    return outside


def familywise(level: float, comparisons: int) -> float:
    """The level for each of `comparisons` such that all hold together at `level` (Bonferroni)."""
    return 1 - (1 - level) / max(1, comparisons)


def low(samples: Sequence[float]) -> float:
    """The 20th percentile: on a shared machine what disturbs only ever adds, and a minimum alone is one lucky sample."""
    return sorted(samples)[(len(samples) - 1) // 5]
