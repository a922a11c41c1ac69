from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from compiler.tune.device import last_level_cache
from compiler.tune.measure import CpuStopwatch, paired, repeat
from tests.compiler.tune.tunables import ClaimedTime


def claims(*nanoseconds: int) -> Iterator[int]:
    yield from nanoseconds


def test_a_run_takes_as_long_as_it_takes() -> None:
    watch = CpuStopwatch(cold_bytes=0)

    assert 10_000_000 <= watch.time(lambda: time.sleep(0.01)) < 1_000_000_000
    assert watch.time(lambda: None) >= 1


def test_caches_are_cold_before_each_run() -> None:
    data = np.ones(last_level_cache() // 8 // 8, dtype=np.int64)
    warm, cold = CpuStopwatch(cold_bytes=0), CpuStopwatch()

    once = [(cold.time(data.sum), warm.time(data.sum)) for _ in range(9)]

    assert min(first for first, _ in once) > min(second for _, second in once)


def test_what_is_far_behind_is_given_up_after_two_runs() -> None:
    slow, spiked = claims(400, 400, 400, 400), claims(400, 100, 100, 100)

    assert repeat(ClaimedTime(), slow.__next__, 4, limit=300) == [400, 400]
    assert repeat(ClaimedTime(), spiked.__next__, 4, limit=300) == [400, 100, 100, 100]


def test_pairs_run_by_turns_and_who_is_first_alternates() -> None:
    order: list[str] = []

    ours, theirs = paired(ClaimedTime(), lambda: order.append("a"), lambda: order.append("b"), 4)

    assert "".join(order) == "abbaabba"
    assert len(ours) == len(theirs) == 4


@pytest.mark.parametrize(("ours", "pairs"), [(90, 31), (110, 11)])
def test_pairs_without_a_gain_end_early(ours: int, pairs: int) -> None:
    taken = paired(ClaimedTime(), lambda: ours, lambda: 100, 31)

    assert [len(samples) for samples in taken] == [pairs, pairs]
