"""The door of a model's queue: what can never run, what there is no room for, what would come too late. Imports no torch."""

from __future__ import annotations

import random
from dataclasses import dataclass

from inference.engine.blocks import BLOCK_TOKENS, blocks_for
from inference.engine.errors import Refusal, refuse
from inference.engine.fairqueue import FairQueue
from inference.engine.lanes import LANES, Lane
from inference.engine.request import Generation

_MEMORY_S = 5.0
"""The drain rate forgets what it saw before about this much time at work."""


@dataclass(frozen=True, slots=True)
class Limits:
    max_running: int = 32
    """Answers being generated at once."""
    max_waiting: int = 256
    """Requests waiting in a lane and the more urgent ones; one more is refused with 503."""
    step_tokens: int = 256
    """Tokens one step computes: larger steps fill prompts faster and make running answers wait longer."""
    max_waiting_tokens: int = 1 << 20
    """Tokens that those requests are expected to cost; more are refused with 503."""
    workspace_share: float = 0.5
    """Part of both queue bounds that one workspace may fill; beyond it the refusal is its own, 429. Several that flood the queue
    get less each, so that a place is left for whoever has none."""
    realtime_share: float = 0.1
    """Part of the running places that only the realtime lane may take."""
    batch_share: float = 0.05
    """Part of the places and of a step's tokens that the batch lane gets however much else there is."""
    cache_share: float = 0.5
    """Part of the cache that one workspace's idle blocks may keep."""

    def __post_init__(self) -> None:
        """Raises ValueError for limits under which nothing would ever run."""
        if self.max_running < 1 or self.max_waiting < 1 or self.max_waiting_tokens < 1:
            raise ValueError("max_running, max_waiting and max_waiting_tokens must be at least 1")
        if self.step_tokens <= self.max_running:
            raise ValueError("step_tokens must be above max_running, or prompts would never be computed")
        for name in ("workspace_share", "realtime_share", "batch_share", "cache_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be from 0 to 1")
        if self.realtime_slots >= self.max_running:
            raise ValueError("realtime_share must leave a place to the other lanes")

    @property
    def realtime_slots(self) -> int:
        return int(self.max_running * self.realtime_share)

    @property
    def batch_slots(self) -> int:
        return max(1, int(self.max_running * self.batch_share)) if self.batch_share else 0

    def slots(self, lane: Lane) -> int:
        """Most answers of the lane at once."""
        return self.max_running if lane == "realtime" else self.max_running - self.realtime_slots


class DrainRate:
    """Tokens computed per second of work, of late: idle time does not count."""

    def __init__(self) -> None:
        self._tokens = 0.0
        self._seconds = 0.0

    def note(self, tokens: int, seconds: float) -> None:
        """A step computed `tokens` in `seconds`."""
        kept = max(0.0, 1.0 - seconds / _MEMORY_S)
        self._tokens = self._tokens * kept + tokens
        self._seconds = self._seconds * kept + seconds

    def seconds_for(self, tokens: float) -> float | None:
        """How long so many tokens take; None while nothing has been measured."""
        if self._seconds <= 0 or self._tokens <= 0:
            return None
        return tokens * self._seconds / self._tokens


class Admission:
    """Decides at the door, before a request costs anything. For the step thread alone."""

    def __init__(self, limits: Limits, capacity: int, queues: dict[Lane, FairQueue]) -> None:
        """`capacity` is the cache's size in blocks."""
        self._limits = limits
        self._capacity = capacity
        self._queues = queues
        self.rate = DrainRate()

    @property
    def waiting(self) -> int:
        return sum(queue.waiting for queue in self._queues.values())

    def check(self, generation: Generation, now: float) -> None:
        """Raises Refusal: 400 when it can never run, 429 when its workspace, 503 when everybody waits for too much already.

        What counts is what will be served before it: its own lane and the more urgent ones.
        """
        self._fits_at_all(generation)
        limits = self._limits
        lanes = LANES[: LANES.index(generation.lane) + 1]
        ahead = sum(self._queues[lane].waiting for lane in lanes)
        ahead_tokens = sum(self._queues[lane].waiting_tokens for lane in lanes)
        own, own_tokens = self._queues[generation.lane].waiting_of(generation.workspace)
        tokens = generation.expected_tokens
        share = limits.workspace_share
        most_tokens = limits.max_waiting_tokens * share
        if generation.queued_tokens is not None:
            most_tokens = min(most_tokens, generation.queued_tokens)
        if own and (own + 1 > limits.max_waiting * share or own_tokens + tokens > most_tokens):
            raise self._later(
                429,
                "workspace_queue_full",
                "the workspace has too much waiting already; send less at once",
                ahead_tokens,
            )
        free, free_tokens = limits.max_waiting - ahead, limits.max_waiting_tokens - ahead_tokens
        if (
            free < 1
            or (ahead and tokens > free_tokens)
            or (
                own and (_crowds(own + 1, free - 1, share) or _crowds(own_tokens + tokens, free_tokens - tokens, share))
            )
        ):
            raise self._later(503, "engine_overloaded", "the engine's queue is full; try again later", ahead_tokens)
        if (
            generation.deadline is not None
            and now + (self.rate.seconds_for(ahead_tokens) or 0.0) >= generation.deadline
        ):
            raise self._later(
                503,
                "deadline_unreachable",
                "the answer cannot be there by the deadline; allow more time",
                ahead_tokens,
            )

    def _later(self, status: int, code: str, message: str, ahead_tokens: int) -> Refusal:
        """A refusal until what is ahead is likely to be done, with some spread so that not all come back at once."""
        seconds = self.rate.seconds_for(ahead_tokens) or 1.0
        return refuse(status, code, message, retry_after_s=min(60.0, max(1.0, seconds) * random.uniform(1.0, 1.25)))

    def _fits_at_all(self, generation: Generation) -> None:
        n = generation.sampling.n
        if n > (slots := self._limits.slots(generation.lane)):
            raise refuse(400, "n_too_large", f"n may be at most {slots} on this engine in this lane", param="n")
        if most_blocks(generation) > self._capacity:
            raise refuse(
                400,
                "context_length_exceeded",
                f"{n} answers of up to {generation.longest} tokens do not fit the engine's cache of "
                f"{self._capacity * BLOCK_TOKENS} tokens; ask for fewer answers or a smaller max_tokens",
                param="max_tokens",
            )


def _crowds(own: float, free: float, share: float) -> bool:
    """Whether a workspace with `own` waiting would leave too little free: alone it may fill `share` of the queue, and n such
    workspaces stop while 1/(n + share/(1 - share)) of what each may have is still free.

    Source: Choudhury and Hahne, *Dynamic queue length thresholds for shared-memory packet switches* (IEEE/ACM ToN 1998).
    """
    return own * (1 - share) > free * share


def most_blocks(generation: Generation) -> int:
    """Blocks that a request comes to at its longest: its answers share the whole blocks of the prompt."""
    whole = blocks_for(generation.longest)
    return whole + (generation.sampling.n - 1) * (whole - generation.prompt_tokens // BLOCK_TOKENS)
