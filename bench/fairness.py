"""One workspace floods the engine; what do nine quiet ones and their realtime requests feel of it?

The same engine, model and arrivals three ways: without the flood, with it, and with it first come, first served. Arrivals are
drawn before the run and kept to the clock; a time to first token counts from the drawn arrival. The quiet ones ask together for
two fifths of what the engine can do, the flood for all the rest and more.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from time import perf_counter, sleep
from typing import cast

import torch

from bench.peers import llama
from bench.report import Measure, Options, at_most, less_is_better, more_is_better
from inference.engine.admission import Limits
from inference.engine.checkpoint import Checkpoint
from inference.engine.decoder_runner import DecoderRunner
from inference.engine.decoder_worker import DecoderWorker
from inference.engine.fairqueue import Account, FairQueue
from inference.engine.lanes import Lane
from inference.engine.library.interval import Interval, bootstrap_ratio, dependent_block, percentile
from inference.engine.library.latency import poisson_arrivals
from inference.engine.protocol import Delta, EngineError, Result, Sampling
from inference.engine.request import Generation

QUIET = [f"quiet{number}" for number in range(9)]
QUIET_PROMPT, QUIET_ANSWER = 64, 32
FLOOD_PROMPT, FLOOD_ANSWER = 128, 64
FLOOD_WAITING = 48
QUIET_SHARE = 0.4
LIMITS = Limits(max_running=32, step_tokens=48, max_waiting=4096, workspace_share=1.0)
WAYS = ("alone", "fair", "first come")
ROUNDS = 3
_LAST = float(1 << 40)


class FirstComeQueue(FairQueue):
    """The peer: everybody in one line. Each request has an account of its own, opened at its place in the line."""

    def __init__(self) -> None:
        super().__init__()
        self._place = 0.0

    def enter(self, generation: Generation) -> Account:
        super().enter(generation)
        self._place += 1.0
        return Account(self._place)

    def heads(self) -> Iterator[Generation]:
        waiting = [account.line[0] for account in self._waiting.values()]
        yield from sorted(waiting, key=lambda generation: generation.queued_at)


@dataclass(slots=True)
class Reader:
    """Notes when an answer's first text came."""

    due: float
    first_s: float | None = None
    ended: bool = False

    def send(self, deltas: list[Delta]) -> None:
        if self.first_s is None:
            self.first_s = perf_counter() - self.due

    def finish(self, outcome: Result | EngineError) -> None:
        if isinstance(outcome, EngineError):
            raise RuntimeError(f"a request ended with {outcome.code}: {outcome.message}")
        self.ended = True


@dataclass(slots=True)
class Seen:
    quiet: list[float] = field(default_factory=list)
    realtime: list[float] = field(default_factory=list)
    tokens: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        return self.tokens / self.seconds


class Crowd:
    """One engine and those who ask it."""

    def __init__(self, runner: DecoderRunner, checkpoint: Checkpoint, queue: type[FairQueue]) -> None:
        self._tokenizer = checkpoint.tokenizer()
        self._worker = DecoderWorker(runner, self._tokenizer, LIMITS, cache_bytes=1 << 28, queue=queue)
        self._serial = 0
        self._first_come = queue is FirstComeQueue

    def run(self, arrivals: list[tuple[float, str, Lane]], seconds: float, *, flood: bool) -> Seen:
        """Serves what arrives in `seconds`; what is left then is cancelled, and only first tokens that came are counted."""
        seen = Seen()
        began = perf_counter()
        asked: list[tuple[str, Lane, Generation, Reader]] = []
        floods: list[Generation] = []
        before = self._computed()
        position = 0
        while (now := perf_counter() - began) < seconds:
            while position < len(arrivals) and arrivals[position][0] <= now:
                due, workspace, lane = arrivals[position]
                position += 1
                generation, reader = self._ask(workspace, lane, QUIET_PROMPT, QUIET_ANSWER, began + due)
                asked.append((workspace, lane, generation, reader))
            while flood and self._worker.waiting < FLOOD_WAITING:
                floods.append(self._ask("flood", "standard", FLOOD_PROMPT, FLOOD_ANSWER, perf_counter())[0])
            if not self._worker.step(perf_counter()):
                due = arrivals[position][0] if position < len(arrivals) else seconds
                sleep(max(0.0, min(due, seconds) - (perf_counter() - began)))
        seen.seconds = perf_counter() - began
        seen.tokens = self._computed() - before
        for _, lane, _, reader in asked:
            waited = reader.first_s if reader.first_s is not None else perf_counter() - reader.due
            (seen.realtime if lane == "realtime" else seen.quiet).append(waited)
        for generation in [*(generation for _, _, generation, _ in asked), *floods]:
            self._worker.cancel(generation, None)
        return seen

    def _ask(self, workspace: str, lane: Lane, prompt: int, answer: int, due: float) -> tuple[Generation, Reader]:
        self._serial += 1
        reader = Reader(due)
        generation = Generation(
            workspace=workspace,
            lane="standard" if self._first_come else lane,
            sink=reader,
            # First come, first served charges nobody: a request's place in the line stays what it was.
            weight=_LAST if self._first_come else 1.0,
            tokenizer=self._tokenizer,
            prompt=[300 + (self._serial * 7919 + place * 31) % 12_000 for place in range(prompt)],
            max_tokens=answer,
            sampling=Sampling(temperature=0.0),
            seed=0,
            stream=True,
            stop_ids=frozenset(),
        )
        self._worker.submit(generation, perf_counter())
        return generation, reader

    def _computed(self) -> int:
        return self._worker.prompt_tokens + self._worker.generated_tokens


def run(options: Options) -> Iterable[Measure]:
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    return on("cpu", options)


def on(device: str, options: Options) -> Iterator[Measure]:
    checkpoint = Checkpoint.open(llama.checkpoint("25m"))
    runners = {way: DecoderRunner(checkpoint, device=device, dtype="auto", graphs=device == "cuda") for way in WAYS}
    crowds = {
        way: Crowd(runner, checkpoint, FirstComeQueue if way == "first come" else FairQueue)
        for way, runner in runners.items()
    }
    seconds = max(4.0, options.seconds * 2)
    capacity = crowds["fair"].run([], seconds / 2, flood=True).rate
    rate = QUIET_SHARE * capacity / (QUIET_PROMPT + QUIET_ANSWER)
    options.say(f"fairness: {capacity:.0f} tokens a second under flood; {rate:.1f} quiet requests a second")
    seen = {way: Seen() for way in WAYS}
    for number in range(ROUNDS):
        times = poisson_arrivals(rate, max(8, round(rate * seconds)), seed=number)
        # Every fourth request is a realtime one.
        arrivals: list[tuple[float, str, Lane]] = [
            (float(due), QUIET[i % len(QUIET)], cast(Lane, "realtime" if i % 4 == 0 else "standard"))
            for i, due in enumerate(times)
        ]
        for way in WAYS:
            found = crowds[way].run(arrivals, seconds, flood=way != "alone")
            for name in ("quiet", "realtime"):
                getattr(seen[way], name).extend(getattr(found, name))
            seen[way].tokens += found.tokens
            seen[way].seconds += found.seconds
        options.say(f"fairness: round {number + 1} of {ROUNDS}")
    yield from _measures(seen)


def _measures(seen: dict[str, Seen]) -> Iterator[Measure]:
    for name, most in (("quiet", 2.0), ("realtime", 1.5)):
        times = {way: cast(list[float], getattr(seen[way], name)) for way in WAYS}
        p95 = {way: _p95(times[way]) for way in WAYS}
        interval = bootstrap_ratio(
            times["fair"], times["alone"], percentile(95), block=dependent_block(len(times["alone"]))
        )
        yield _with(
            at_most(
                f"fairness/{name}_first_token_p95_over_alone", interval.value, "times", most, samples=len(times["fair"])
            ),
            interval,
        )
        yield less_is_better(
            f"fairness/{name}_first_token_p95", p95["fair"] * 1e3, "ms", "first come", p95["first come"] * 1e3,
            samples=len(times["fair"]),
        )  # fmt: skip
    yield more_is_better(
        "fairness/tokens_per_second",
        seen["fair"].rate,
        "tokens/s",
        "first come",
        seen["first come"].rate,
        at_least=0.97,
    )


def _p95(values: list[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))]


def _with(measure: Measure, interval: Interval) -> Measure:
    return Measure(
        measure.name, measure.value, measure.unit, target=measure.target, met=measure.met, samples=measure.samples,
        ratio_low=interval.low, ratio_high=interval.high,
    )  # fmt: skip
