"""Bootstrap confidence intervals. Imports no torch, so that benchmarks of anything can stand on it.

Latencies under load are not independent: a queue makes neighbours slow together. Resampling them one by one would make the
interval too narrow, so runs of neighbours are drawn instead (moving-block bootstrap, Künsch 1989).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray

Floats = NDArray[numpy.float64]
Statistic = Callable[[Floats], Floats]
"""Takes resamples of shape [resamples, n] and gives one figure for each."""

RESAMPLES = 1000
_CHUNK = 1 << 22
"""Most values drawn at once: 32 MB."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and its percentile confidence interval, in the unit of the sample."""

    value: float
    low: float
    high: float

    def scaled(self, factor: float) -> Interval:
        """In another unit, such as `scaled(1e3)` from seconds to milliseconds."""
        return Interval(self.value * factor, self.low * factor, self.high * factor)

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


def percentile(rank: float) -> Statistic:
    """The statistic of `rank` from 0 to 100, linear between neighbours."""
    return lambda rows: numpy.asarray(numpy.percentile(rows, rank, axis=-1), dtype=numpy.float64)


def median(rows: Floats) -> Floats:
    return numpy.asarray(numpy.median(rows, axis=-1), dtype=numpy.float64)


def bootstrap(
    values: Sequence[float] | Floats,
    statistic: Statistic = median,
    *,
    seed: int = 0,
    block: int = 1,
    confidence: float = 0.95,
) -> Interval:
    """`statistic` of a sample with its interval.

    `block` is how many neighbours are drawn together: 1 for independent values, `dependent_block(n)` for latencies under
    load. Raises ValueError for an empty sample.
    """
    sample = _array(values)
    drawn = _resample(sample, statistic, numpy.random.default_rng(seed), block)
    return _interval(float(statistic(sample[None])[0]), drawn, confidence)


def bootstrap_ratio(
    values: Sequence[float] | Floats,
    others: Sequence[float] | Floats,
    statistic: Statistic = median,
    *,
    seed: int = 0,
    block: int = 1,
    confidence: float = 0.95,
) -> Interval:
    """`statistic(values) / statistic(others)` of two independent samples with its interval.

    The two differ with confidence where the interval leaves 1 outside. Raises ValueError for an empty sample or where the
    other's statistic is 0.
    """
    ours, theirs = _array(values), _array(others)
    below = float(statistic(theirs[None])[0])
    if below == 0:
        raise ValueError("no ratio to a statistic that is 0; measure the other sample for longer")
    generator = numpy.random.default_rng(seed)
    above = _resample(ours, statistic, generator, block)
    under = _resample(theirs, statistic, generator, block)
    drawn = above[under != 0] / under[under != 0]
    return _interval(float(statistic(ours[None])[0]) / below, drawn, confidence)


def dependent_block(count: int) -> int:
    """Length of the runs drawn from `count` latencies under load: its square root, which outlasts a queue's memory."""
    return max(1, round(math.sqrt(count)))


def _array(values: Sequence[float] | Floats) -> Floats:
    sample = numpy.asarray(values, dtype=numpy.float64)
    if sample.size == 0:
        raise ValueError("nothing was measured; a sample needs at least one value")
    return sample


def _resample(sample: Floats, statistic: Statistic, generator: numpy.random.Generator, block: int) -> Floats:
    count = len(sample)
    block = min(max(block, 1), count)
    blocks = -(-count // block)
    rows = max(1, _CHUNK // count)
    parts: list[Floats] = []
    for done in range(0, RESAMPLES, rows):
        size = min(rows, RESAMPLES - done)
        starts = generator.integers(0, count - block + 1, size=(size, blocks, 1))
        index: NDArray[Any] = (starts + numpy.arange(block)).reshape(size, -1)[:, :count]
        parts.append(statistic(sample[index]))
    return numpy.concatenate(parts)


def _interval(value: float, drawn: Floats, confidence: float) -> Interval:
    tail = (1 - confidence) * 50
    low, high = numpy.percentile(drawn, (tail, 100 - tail))
    return Interval(value, float(low), float(high))
