"""What is asked and when: requests drawn from a seed, and three ways in which they arrive."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """One call. Its tokens are drawn, never a person's; equal seeds give equal requests."""

    number: int
    prompt: tuple[int, ...]
    """Token ids."""
    answer: int
    """Tokens to generate."""
    seed: int
    """For sampling, so that two servers may draw the same."""


@dataclass(frozen=True, slots=True)
class Profile:
    name: str
    requests: tuple[Request, ...]
    arrivals: tuple[float, ...] | None
    """Seconds after the start at which each request arrives; None where each waits for the one before it."""

    def __post_init__(self) -> None:
        if not self.requests:
            raise ValueError(f"the profile {self.name} has no requests")
        if self.arrivals is not None and (
            len(self.arrivals) != len(self.requests) or list(self.arrivals) != sorted(self.arrivals)
        ):
            raise ValueError(f"the profile {self.name} needs one arrival a request, in order of time")


def draw(
    count: int,
    *,
    vocabulary: int,
    prompt: tuple[int, int] = (16, 256),
    answer: tuple[int, int] = (16, 64),
    seed: int = 0,
) -> tuple[Request, ...]:
    """`count` requests; lengths are uniform between the given ends, both included, token ids below `vocabulary`."""
    rng = random.Random(seed)
    return tuple(
        Request(
            number,
            tuple(rng.randrange(vocabulary) for _ in range(rng.randint(*prompt))),
            rng.randint(*answer),
            rng.getrandbits(32),
        )
        for number in range(count)
    )


def single_shot(requests: Sequence[Request]) -> Profile:
    """One at a time: what a lone user feels."""
    return Profile("single-shot", tuple(requests), None)


def bursty(requests: Sequence[Request], *, size: int, every_s: float) -> Profile:
    """`size` at once, every `every_s` seconds: what the queue does to the last of them."""
    return Profile("bursty", tuple(requests), tuple(number // size * every_s for number in range(len(requests))))


def steady(requests: Sequence[Request], *, rate: float, seed: int = 0) -> Profile:
    """`rate` a second on average, at independent times (Poisson), drawn from `seed`."""
    rng = random.Random(seed)
    arrivals: list[float] = []
    now = 0.0
    for _ in requests:
        now += rng.expovariate(rate)
        arrivals.append(now)
    return Profile("steady", tuple(requests), tuple(arrivals))


def standard(requests: Sequence[Request], *, seconds: float, seed: int = 0) -> tuple[Profile, Profile, Profile]:
    """The three, for a server that takes `seconds` for one request alone, best the one compared against.

    Bursts of 8 leave a third of the time between them free, the steady stream 30 %: loads that one lane can bear, so that what
    is measured is waiting and not the growth of a queue without end. Servers that batch find room in them.
    """
    return (
        single_shot(requests),
        bursty(requests, size=8, every_s=12 * seconds),
        steady(requests, rate=0.7 / seconds, seed=seed),
    )
