"""Sends a profile's requests to whatever serves them, and says how long each took."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np

from compiler.bench.memory import Peak, peak_memory
from compiler.bench.profiles import Profile, Request

Serve = Callable[[Request], int]
"""Answers a request and returns how many tokens it generated. May be called from several threads at once."""
Watched = Callable[[], AbstractContextManager[Peak]]


class NothingServed(Exception):
    """No request was answered, so there is nothing to measure; the message counts why."""


@dataclass(frozen=True, slots=True)
class Answer:
    number: int
    latency_s: float
    """From the arrival that the profile names, not from when somebody was free to begin: waiting counts."""
    tokens: int


@dataclass(frozen=True)
class Run:
    """One profile, served once."""

    profile: str
    answers: tuple[Answer, ...]
    """Of the requests that were answered, by number."""
    failed: dict[str, int]
    """How many failed, by the exception's name."""
    wall_s: float
    """From the first arrival to the last answer."""
    peak: Peak

    @property
    def latencies(self) -> list[float]:
        return [answer.latency_s for answer in self.answers]

    @property
    def tokens_per_second(self) -> float:
        return sum(answer.tokens for answer in self.answers) / self.wall_s

    def percentile(self, share: float) -> float:
        """Latency in seconds that `share` of the answers did not exceed: one of those measured, never between two."""
        return float(np.quantile(self.latencies, share, method="inverted_cdf"))

    def cost(self, price_per_hour: float) -> float:
        """Of a million generated tokens on a device of this price, in the price's currency."""
        return price_per_hour / 3600 / self.tokens_per_second * 1e6


def run(serve: Serve, profile: Profile, *, workers: int = 64, warm: int = 2, watched: Watched = peak_memory) -> Run:
    """Serves `profile` once, after `warm` of its requests that do not count.

    `workers` bounds how many requests are with the server at once; more wait, and their waiting counts. `watched` says how much
    memory the server takes meanwhile, where it is not this process. Raises NothingServed.
    """
    failed: Counter[str] = Counter()
    answers: list[Answer] = []
    for request in profile.requests[:warm]:
        _answer(serve, request, time.perf_counter(), Counter(), [])
    with watched() as peak, ThreadPoolExecutor(workers) as pool:
        begun = time.perf_counter()
        if profile.arrivals is None:
            for request in profile.requests:
                _answer(serve, request, time.perf_counter(), failed, answers)
        else:
            for request, arrival in zip(profile.requests, profile.arrivals, strict=True):
                time.sleep(max(0.0, begun + arrival - time.perf_counter()))
                pool.submit(_answer, serve, request, begun + arrival, failed, answers)
        pool.shutdown(wait=True)
        wall = time.perf_counter() - begun
    if not answers:
        raise NothingServed(f"{profile.name}: none of {len(profile.requests)} requests was answered: {dict(failed)}")
    return Run(profile.name, tuple(sorted(answers, key=lambda answer: answer.number)), dict(failed), wall, peak)


def alone(serve: Serve, requests: Sequence[Request]) -> float:
    """Median seconds of one request, one at a time: what `profiles.standard` asks for."""
    return run(serve, Profile("alone", tuple(requests), None)).percentile(0.5)


def _answer(serve: Serve, request: Request, arrival: float, failed: Counter[str], answers: list[Answer]) -> None:
    try:
        tokens = serve(request)
    except Exception as error:  # noqa: BLE001  # counted by its name and told; the other requests are still measured
        failed[type(error).__name__] += 1
        return
    answers.append(Answer(request.number, time.perf_counter() - arrival, tokens))
