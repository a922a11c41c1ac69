"""Two servers on the same requests, by turns, and by how much one is better."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from compiler.bench.harness import Run, Serve, Watched, run
from compiler.bench.memory import peak_memory
from compiler.bench.profiles import Profile

_RESAMPLES = 2_000
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Delta:
    """Ours over theirs, turned so that above 1 is better for us, with its bootstrap interval."""

    ratio: float
    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True)
class Comparison:
    """One profile, served by both in turn, round by round; or by ours alone."""

    profile: str
    ours: tuple[Run, ...]
    theirs: tuple[Run, ...] = ()

    def deltas(self, *, seed: int = 0, level: float = 0.95) -> dict[str, Delta]:
        """Of p50, p95, p99 and tokens per second; the same for the same `seed`.

        Rounds are drawn again whole, and within them requests in pairs: what a round had in common with its neighbour cancels,
        and a slow round is not taken for many slow requests. With fewer than five rounds read the interval as one round's. Nothing
        where ours was served alone.
        """
        if not self.theirs:
            return {}
        rng = np.random.default_rng(seed)
        rounds = list(zip(self.ours, self.theirs, strict=True))
        pairs = [_paired(ours, theirs) for ours, theirs in rounds]
        speeds = np.array([ours.tokens_per_second / theirs.tokens_per_second for ours, theirs in rounds])
        drawn = np.empty((_RESAMPLES, len(SHARES) + 1))
        for row in drawn:
            again = rng.integers(0, len(rounds), len(rounds))
            row[:-1] = _ratios(np.concatenate([_again(pairs[number], rng) for number in again], axis=1))
            row[-1] = np.median(speeds[again])
        ratios = [*_ratios(np.concatenate(pairs, axis=1)), np.median(speeds)]
        tail = (1 - level) / 2
        low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
        names = [*SHARES, "tokens_per_second"]
        ends = zip(names, ratios, low, high, strict=True)
        return {name: Delta(float(ratio), float(least), float(most), level) for name, ratio, least, most in ends}


def compare(
    ours: Serve,
    theirs: Serve | None,
    profiles: Sequence[Profile],
    *,
    rounds: int = 5,
    workers: int = 64,
    watched: Watched = peak_memory,
    progress: Callable[[str, int, int], None] = lambda what, done, of: None,
) -> list[Comparison]:
    """Serves each profile `rounds` times by both; who begins alternates. Without `theirs`, by ours alone. `progress` is told the
    profile, and which round of how many it is. Raises NothingServed."""
    if rounds < 1:
        raise ValueError(f"at least one round is needed, not {rounds}")
    found = []
    for profile in profiles:
        us: list[Run] = []
        them: list[Run] = []
        for number in range(rounds):
            progress(profile.name, number + 1, rounds)
            turns = [(serve, runs) for serve, runs in ((ours, us), (theirs, them)) if serve is not None]
            for serve, runs in turns[:: -1 if number % 2 else 1]:
                runs.append(run(serve, profile, workers=workers, watched=watched))
        found.append(Comparison(profile.name, tuple(us), tuple(them)))
    return found


def _paired(ours: Run, theirs: Run) -> np.ndarray:
    """Latencies of the requests that both answered: two rows, a column a request."""
    other = {answer.number: answer.latency_s for answer in theirs.answers}
    both = [(answer.latency_s, other[answer.number]) for answer in ours.answers if answer.number in other]
    if not both:
        raise ValueError(f"{ours.profile}: there is no request that both answered; look at what failed")
    return np.array(both).T


def _again(pair: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return pair[:, rng.integers(0, pair.shape[1], pair.shape[1])]


def _ratios(sample: np.ndarray) -> np.ndarray:
    """Theirs over ours at each share: more is better for us. A percentile is a latency that was measured."""
    places = [math.ceil(share * sample.shape[1]) - 1 for share in SHARES.values()]
    ours, theirs = np.sort(sample, axis=1)[:, places]
    return np.asarray(theirs / ours)
