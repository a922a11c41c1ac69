"""How long one run takes, with caches that hold nothing of it: alone, and side by side with another."""

from __future__ import annotations

import time
from typing import Protocol

import numpy as np

from compiler.tune.device import last_level_cache
from compiler.tune.tunable import Runner

_SURE = 2
"""Runs above a limit before the rest is not worth waiting for: one may be a slice that the scheduler gave away."""
_LOOK = 11
"""Pairs after which a candidate that shows no gain is given up; enough for an interval at level 0.999."""


class Stopwatch(Protocol):
    def time(self, run: Runner) -> int:
        """Nanoseconds of one run, at least 1."""


class CpuStopwatch:
    """Wall time on the CPU, after writing over more memory than the largest cache holds.

    Small caches of cores other than the caller's are only partly emptied: a runner that uses several threads on little data
    should rotate among copies of it.
    """

    def __init__(self, cold_bytes: int | None = None) -> None:
        """`cold_bytes` is written before each run: twice the largest cache unless given, 0 for warm caches."""
        size = 2 * last_level_cache() if cold_bytes is None else cold_bytes
        self._other = np.zeros(size // 8, dtype=np.int64)

    def time(self, run: Runner) -> int:
        np.add(self._other, 1, out=self._other)
        begun = time.perf_counter_ns()
        run()
        return max(1, time.perf_counter_ns() - begun)


class CudaStopwatch:
    """Time between two events on the current stream, after writing over more memory than the L2 cache holds."""

    def __init__(self, cold_bytes: int = 256 << 20) -> None:
        import torch

        self._cuda = torch.cuda
        self._other = torch.zeros(cold_bytes // 8, dtype=torch.int64, device="cuda")

    def time(self, run: Runner) -> int:
        begun, ended = self._cuda.Event(enable_timing=True), self._cuda.Event(enable_timing=True)
        self._other.add_(1)
        begun.record()
        run()
        ended.record()
        ended.synchronize()
        milliseconds: float = begun.elapsed_time(ended)
        return max(1, round(milliseconds * 1e6))


def repeat(watch: Stopwatch, run: Runner, repetitions: int, *, limit: float | None = None) -> list[int]:
    """Nanoseconds of each of up to `repetitions` runs; fewer where two or more of them all took longer than `limit`."""
    samples: list[int] = []
    for _ in range(repetitions):
        samples.append(watch.time(run))
        if limit is not None and len(samples) >= _SURE and min(samples) > limit:
            break
    return samples


def paired(watch: Stopwatch, candidate: Runner, incumbent: Runner, pairs: int) -> tuple[list[int], list[int]]:
    """Nanoseconds of both, run by turns; who goes first alternates, so that neither always runs behind the other.

    Ends after 11 pairs where not one in four shows a gain. That can only lose a winner, never make one: the median is then
    no gain either.
    """
    ours: list[int] = []
    theirs: list[int] = []
    for pair in range(pairs):
        if pair % 2:
            theirs.append(watch.time(incumbent))
            ours.append(watch.time(candidate))
        else:
            ours.append(watch.time(candidate))
            theirs.append(watch.time(incumbent))
        gains = sum(one < other for one, other in zip(ours, theirs, strict=True))
        if pair + 1 == _LOOK and gains * 4 < _LOOK:
            break
    return ours, theirs
