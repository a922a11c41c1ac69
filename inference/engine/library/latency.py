"""One harness for every latency: single-shot, bursty and steady, seeded and warmed. Imports no torch.

*Single-shot* calls one after another: the time of a call alone. *Steady* and *bursty* are open loops: calls start at times
drawn before the run, whether or not earlier ones have ended, and a latency counts from the drawn time, so that a system that
falls behind cannot hide its queue. Steady draws Poisson arrivals; bursty draws gamma gaps whose shape is the burstiness, as
`vllm bench serve` has it: 1 is Poisson, below 1 arrivals come in clumps (their coefficient of variation is its root's inverse).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from enum import StrEnum
from time import perf_counter, sleep
from typing import Any

import numpy

from inference.engine.library.interval import (
    Floats,
    Interval,
    Statistic,
    bootstrap,
    bootstrap_ratio,
    dependent_block,
    median,
    percentile,
)

Units = Callable[[Any], float]
"""How much work a call's result is: tokens, sentences; by default every call is one."""

DEFAULT_BURSTINESS = 0.25


class Profile(StrEnum):
    SINGLE_SHOT = "single-shot"
    BURSTY = "bursty"
    STEADY = "steady"


@dataclass(frozen=True, slots=True)
class Summary:
    """What a sample says. Latencies in seconds, throughput in units a second, each with its 95 % interval."""

    profile: Profile
    count: int
    failed: int
    p50: Interval
    p95: Interval
    p99: Interval
    throughput: Interval

    def __str__(self) -> str:
        times = ", ".join(f"{n} {getattr(self, n).scaled(1e3)} ms" for n in ("p50", "p95", "p99"))
        return f"{self.profile}: {times}, {self.throughput} a second, {self.count} calls, {self.failed} failed"


@dataclass(frozen=True, slots=True)
class Sample:
    """One run. `latencies_s` and `ended_s` (from the start of the run) are of the calls that succeeded, in order of their start;
    `units` is the work of each. `late_s` is the most by which the harness itself was late to start a call: where it is not small
    beside the latencies, the machine that measures is the bottleneck."""

    profile: Profile
    latencies_s: tuple[float, ...]
    ended_s: tuple[float, ...]
    units: tuple[float, ...]
    failed: int = 0
    late_s: float = 0.0

    def summary(self, *, seed: int = 0) -> Summary:
        """Percentiles and throughput with bootstrap intervals. Raises ValueError when every call failed."""

        def rank(value: float) -> Interval:
            return bootstrap(self.latencies_s, percentile(value), seed=seed, block=self.block)

        return Summary(
            self.profile, len(self.latencies_s), self.failed, rank(50), rank(95), rank(99), self.throughput(seed=seed)
        )

    def throughput(self, *, seed: int = 0) -> Interval:
        """Units a second: of the time spent in calls when they ran one by one, else of the time to the last end."""
        if not self.latencies_s:
            raise ValueError("nothing was measured; every call failed or none was made")
        if self.profile is Profile.SINGLE_SHOT:
            spent = numpy.asarray(self.latencies_s)
        else:
            spent = numpy.diff(numpy.sort(numpy.asarray(self.ended_s)), prepend=0.0)
        # A call's work and its time must be drawn together: as one complex number they are.
        pairs = numpy.asarray(self.units) + 1j * spent
        count = len(pairs)
        index = numpy.arange(count, dtype=numpy.float64)

        def rate(rows: Floats) -> Floats:
            sums = pairs[rows.astype(numpy.int64)].sum(axis=-1)
            return numpy.asarray(sums.real / numpy.maximum(sums.imag, 1e-12), dtype=numpy.float64)

        return bootstrap(index, rate, seed=seed, block=self.block)

    @property
    def block(self) -> int:
        """How many neighbours a bootstrap draws together."""
        return 1 if self.profile is Profile.SINGLE_SHOT else dependent_block(len(self.latencies_s))


def compare(ours: Sample, theirs: Sample, statistic: Statistic = median, *, seed: int = 0) -> Interval:
    """Our latency over theirs, with the interval of the ratio: below 1 we are faster."""
    return bootstrap_ratio(
        ours.latencies_s, theirs.latencies_s, statistic, seed=seed, block=max(ours.block, theirs.block)
    )


def poisson_arrivals(rate_per_s: float, count: int, *, seed: int) -> Floats:
    """`count` start times in seconds from 0, at `rate_per_s` on average."""
    return gamma_arrivals(rate_per_s, count, burstiness=1.0, seed=seed)


def gamma_arrivals(rate_per_s: float, count: int, *, burstiness: float, seed: int) -> Floats:
    """As `poisson_arrivals`, with gamma gaps of shape `burstiness`. Raises ValueError for what cannot be drawn."""
    if rate_per_s <= 0 or count < 1 or burstiness <= 0:
        raise ValueError("rate_per_s and burstiness must be above 0 and count at least 1")
    gaps = numpy.random.default_rng(seed).gamma(burstiness, 1 / (rate_per_s * burstiness), size=count)
    return numpy.asarray(numpy.cumsum(gaps), dtype=numpy.float64)


def arrivals(
    profile: Profile, rate_per_s: float, count: int, *, seed: int, burstiness: float = DEFAULT_BURSTINESS
) -> Floats:
    """The start times of an open-loop profile. Raises ValueError for single-shot, which has none."""
    if profile is Profile.STEADY:
        return poisson_arrivals(rate_per_s, count, seed=seed)
    if profile is Profile.BURSTY:
        return gamma_arrivals(rate_per_s, count, burstiness=burstiness, seed=seed)
    raise ValueError("single-shot calls follow one another; they have no arrivals")


class _Tally:
    """Ends of calls as they come, from whatever thread."""

    def __init__(self, profile: Profile, units: Units | None) -> None:
        self._profile = profile
        self._units = units
        self._rows: dict[int, tuple[float, float, float]] = {}
        self.failed = 0
        self.late_s = 0.0

    def end(self, number: int, latency_s: float, ended_s: float, result: Any) -> None:
        self._rows[number] = (latency_s, ended_s, 1.0 if self._units is None else self._units(result))

    def sample(self) -> Sample:
        rows = [self._rows[number] for number in sorted(self._rows)]
        latencies, ended, units = zip(*rows, strict=True) if rows else ((), (), ())
        return Sample(self._profile, latencies, ended, units, self.failed, self.late_s)


def single_shot(call: Callable[[int], Any], *, count: int, warmup: int = 10, units: Units | None = None) -> Sample:
    """Calls `call(i)` for i from 0 to `count - 1`, one after another, after `warmup` calls that are not counted.

    What `call` raises goes to the caller: a call that fails alone would be a wrong figure.
    """
    for number in range(warmup):
        call(number)
    tally = _Tally(Profile.SINGLE_SHOT, units)
    began = perf_counter()
    for number in range(count):
        start = perf_counter()
        result = call(number)
        end = perf_counter()
        tally.end(number, end - start, end - began, result)
    return tally.sample()


def open_loop(
    submit: Callable[[int], Future[Any]],
    profile: Profile,
    *,
    rate_per_s: float,
    count: int,
    seed: int,
    burstiness: float = DEFAULT_BURSTINESS,
    warmup: int = 10,
    units: Units | None = None,
    timeout_s: float = 120.0,
) -> Sample:
    """Starts `submit(i)` at each drawn time and measures until its Future is done; a call that raises counts as failed.

    Warm-up calls run one by one before. Raises TimeoutError when calls are still out `timeout_s` after the last start.
    """
    for number in range(warmup):
        submit(number).result(timeout_s)
    times = arrivals(profile, rate_per_s, count, seed=seed, burstiness=burstiness)
    tally = _Tally(profile, units)
    ends: list[float] = [0.0] * count
    futures: list[Future[Any]] = []

    def stamp(number: int) -> Callable[[Future[Any]], None]:
        def done(_: Future[Any]) -> None:
            ends[number] = perf_counter()

        return done

    began = perf_counter()
    for number, at in enumerate(times):
        pause = began + at - perf_counter()
        if pause > 0:
            sleep(pause)
        tally.late_s = max(tally.late_s, perf_counter() - began - at)
        try:
            future = submit(number)
        except Exception as error:  # noqa: BLE001  # a refusal at the door is a failed call, as a late one is
            future = Future()
            future.set_exception(error)
        future.add_done_callback(stamp(number))
        futures.append(future)
    if wait(futures, timeout_s).not_done:
        raise TimeoutError(f"calls were still out {timeout_s:g} s after the last one started; lower rate_per_s")
    for number, (at, future) in enumerate(zip(times, futures, strict=True)):
        if future.cancelled() or future.exception() is not None:
            tally.failed += 1
        else:
            # A waiter may wake before the callback has run; then the end is now.
            ended = (ends[number] or perf_counter()) - began
            tally.end(number, ended - at, ended, future.result())
    return tally.sample()


async def open_loop_async(
    call: Callable[[int], Awaitable[Any]],
    profile: Profile,
    *,
    rate_per_s: float,
    count: int,
    seed: int,
    burstiness: float = DEFAULT_BURSTINESS,
    warmup: int = 10,
    units: Units | None = None,
    timeout_s: float = 120.0,
) -> Sample:
    """As `open_loop`, for coroutines on the running loop."""
    for number in range(warmup):
        await call(number)
    times = arrivals(profile, rate_per_s, count, seed=seed, burstiness=burstiness)
    tally = _Tally(profile, units)

    async def one(number: int, at: float) -> None:
        tally.late_s = max(tally.late_s, perf_counter() - began - at)
        try:
            result = await call(number)
        except Exception:  # noqa: BLE001  # counted; what failed is in the count, never its text
            tally.failed += 1
            return
        ended = perf_counter() - began
        tally.end(number, ended - at, ended, result)

    tasks: list[asyncio.Task[None]] = []
    began = perf_counter()
    for number, at in enumerate(times):
        await asyncio.sleep(max(0.0, began + at - perf_counter()))
        tasks.append(asyncio.create_task(one(number, float(at))))
    done, late = await asyncio.wait(tasks, timeout=timeout_s)
    for task in late:
        task.cancel()
    if late:
        raise TimeoutError(f"calls were still out {timeout_s:g} s after the last one started; lower rate_per_s")
    for task in done:
        task.result()
    return tally.sample()


def interleave(
    calls: Mapping[str, Callable[[int], Any]],
    *,
    repeats: int = 5,
    count: int,
    warmup: int = 10,
    seed: int = 0,
    units: Units | None = None,
) -> dict[str, Sample]:
    """Single-shot samples of several rivals measured side by side: `repeats` rounds of `count` calls of each, in an order drawn
    anew for each round, so that a machine that slows down slows all of them. All are warmed before the first round."""
    for call in calls.values():
        for number in range(warmup):
            call(number)
    generator = numpy.random.default_rng(seed)
    rounds: dict[str, list[Sample]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name in generator.permutation(list(calls)):
            rounds[str(name)].append(single_shot(calls[str(name)], count=count, warmup=0, units=units))
    return {name: _joined(samples) for name, samples in rounds.items()}


def _joined(samples: list[Sample]) -> Sample:
    return Sample(
        Profile.SINGLE_SHOT,
        tuple(latency for sample in samples for latency in sample.latencies_s),
        tuple(ended for sample in samples for ended in sample.ended_s),
        tuple(unit for sample in samples for unit in sample.units),
    )
