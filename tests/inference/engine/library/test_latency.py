from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from time import sleep

import numpy
import pytest

from inference.engine.library.interval import bootstrap, bootstrap_ratio, percentile
from inference.engine.library.latency import (
    Profile,
    compare,
    gamma_arrivals,
    interleave,
    open_loop,
    open_loop_async,
    poisson_arrivals,
    single_shot,
)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    generator = numpy.random.default_rng(7)
    covered = 0
    for seed in range(200):
        interval = bootstrap(generator.exponential(1.0, 200), seed=seed)
        covered += interval.low <= numpy.log(2) <= interval.high

    assert 180 <= covered <= 199


def test_drawing_neighbours_together_widens_the_interval_of_dependent_values() -> None:
    noise = numpy.random.default_rng(3).normal(size=2000)
    walk = numpy.empty(2000)
    walk[0] = 0.0
    for i in range(1, 2000):
        walk[i] = 0.95 * walk[i - 1] + noise[i]

    alone, together = bootstrap(walk, block=1), bootstrap(walk, block=45)

    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_a_ratio_is_told_from_one_only_when_it_is_not_one() -> None:
    generator = numpy.random.default_rng(5)
    fast, slow, same = (generator.gamma(20, scale, 400) for scale in (1.0, 1.5, 1.0))

    faster, equal = bootstrap_ratio(fast, slow), bootstrap_ratio(fast, same)

    assert faster.high < 1
    assert faster.low < 1 / 1.5 < faster.high
    assert equal.low < 1 < equal.high
    with pytest.raises(ValueError, match="at least one value"):
        bootstrap([], percentile(99))


def test_arrivals_are_seeded_and_as_bursty_as_asked() -> None:
    steady = poisson_arrivals(50, 20_000, seed=1)
    bursty = gamma_arrivals(50, 20_000, burstiness=0.25, seed=1)

    assert (steady == poisson_arrivals(50, 20_000, seed=1)).all()
    assert (steady != poisson_arrivals(50, 20_000, seed=2)).any()
    for times, variation in ((steady, 1.0), (bursty, 2.0)):
        gaps = numpy.diff(times)
        assert gaps.mean() == pytest.approx(1 / 50, rel=0.1)
        assert gaps.std() / gaps.mean() == pytest.approx(variation, rel=0.1)
    with pytest.raises(ValueError, match="burstiness"):
        gamma_arrivals(50, 10, burstiness=0, seed=1)


def test_single_shot_measures_each_call_and_no_warm_up() -> None:
    calls: list[int] = []

    def call(number: int) -> int:
        calls.append(number)
        sleep(0.002)
        return 3

    sample = single_shot(call, count=20, warmup=2, units=float)
    summary = sample.summary()

    assert calls == [0, 1, *range(20)]
    assert summary.p50.low >= 0.002
    assert summary.p50.value <= summary.p95.value <= summary.p99.value
    assert summary.throughput.value == pytest.approx(60 / sum(sample.latencies_s))
    assert summary.throughput.low <= summary.throughput.value <= summary.throughput.high


def test_an_open_loop_counts_the_wait_that_a_slow_system_causes() -> None:
    with ThreadPoolExecutor(1) as pool:
        sample = open_loop(
            lambda _: pool.submit(sleep, 0.01), Profile.BURSTY, rate_per_s=200, count=40, seed=1, warmup=1
        )

    # Half of the arrivals come in 0.1 s, and one worker needs 0.4 s for all of them.
    assert max(sample.latencies_s) > 0.1
    assert sample.summary().throughput.value < 110


def test_failed_calls_are_counted_and_have_no_latency() -> None:
    def submit(number: int) -> Future[int]:
        if number % 4 == 0:
            raise RuntimeError
        future: Future[int] = Future()
        if number % 4 == 1:
            future.set_exception(RuntimeError())
        else:
            future.set_result(1)
        return future

    sample = open_loop(submit, Profile.STEADY, rate_per_s=2000, count=40, seed=1, warmup=0)

    assert (sample.failed, len(sample.latencies_s)) == (20, 20)


def test_coroutines_run_side_by_side() -> None:
    async def call(number: int) -> int:
        await asyncio.sleep(0.05)
        if number == 3:
            raise RuntimeError
        return number

    sample = asyncio.run(open_loop_async(call, Profile.STEADY, rate_per_s=500, count=30, seed=2, warmup=1))

    assert sample.failed == 1
    assert sample.summary().throughput.value > 50


def test_rivals_are_measured_side_by_side() -> None:
    order: list[str] = []

    def rival(name: str, seconds: float) -> None:
        order.append(name)
        sleep(seconds)

    samples = interleave(
        {"ours": lambda _: rival("ours", 0.001), "theirs": lambda _: rival("theirs", 0.004)},
        repeats=6,
        count=5,
        warmup=1,
        seed=4,
    )

    assert {name: len(sample.latencies_s) for name, sample in samples.items()} == {"ours": 30, "theirs": 30}
    assert len({tuple(order[2 + 10 * i : 12 + 10 * i]) for i in range(6)}) == 2
    assert compare(samples["ours"], samples["theirs"]).high < 1


def test_the_harness_loads_no_torch() -> None:
    code = "import sys, inference.engine.library.latency; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
