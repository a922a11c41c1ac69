"""The door: what a request's headers ask for, whether it gets in, and what it is told about its limits.

In this order: lane, the process's places, the workspace's places, its rate of requests; then, once the body says for which
model, that model's circuit breaker and the rate of tokens. The engine has the last word, on its queue and on the deadline.
A caller's own limit is 429, ours is 503, and both say when to come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from time import perf_counter

from inference.engine.lanes import Lane
from inference.engine.protocol import ModelInfo
from inference.gateway.breaker import CircuitBreaker
from inference.gateway.errors import ApiError, invalid
from inference.gateway.exchange import DEADLINE_S, Exchange
from inference.gateway.http import Header
from inference.gateway.limits import Limiter, Refusal
from inference.gateway.metrics import METRICS
from inference.gateway.shares import Shares
from workspaces.contracts import ServingInfo

LANE, DEADLINE = b"x-bailiwick-lane", b"x-bailiwick-deadline-ms"
LANES: Mapping[bytes, Lane] = {b"realtime": "realtime", b"standard": "standard", b"batch": "batch"}
LONGEST_DEADLINE_MS = int(DEADLINE_S * 1000)
REALTIME_RESERVE_PERCENT = 10
"""Of a process's places: only the realtime lane may use them."""
INSIST_S = 0.25
"""The longest that a request waits for places that are free but not yet this process's."""
ENGINE_FAULTS = frozenset({"engine_unavailable", "engine_stopped"})
"""The 503s that say that a model's engine does not work. Others say that it has enough to do, or that something else fails."""


class Visit:
    """One request inside. Every one is given back to `Door.leave`."""

    # No slots: most of these are usually left as they are, which costs nothing.
    breaker: CircuitBreaker | None = None
    ticket = 0
    model = ""
    prompt = 0
    answer = 0
    """Tokens that were charged."""

    def __init__(self, limiter: Limiter, lane: Lane, entered_at: float) -> None:
        self.limiter = limiter
        self.lane = lane
        self.entered_at = entered_at


class Door:
    """Of one process, for all workspaces. What lets a request through is not even a coroutine; refusing may take a while."""

    def __init__(self, shares: Shares, concurrency: int) -> None:
        """`concurrency` is how many requests this process serves at once."""
        self._shares = shares
        self._places = concurrency
        self._standard_places = concurrency - concurrency * REALTIME_RESERVE_PERCENT // 100
        self._in_flight = 0
        self._mean_s = 1.0

    def enter(self, limiter: Limiter, lane: Lane) -> Visit | Refusal:
        """Takes a place and one request of the rate; a Refusal goes to `insist_on_entering`. Raises ApiError 503."""
        realtime = lane == "realtime"
        now = perf_counter()
        if self._in_flight >= (self._places if realtime else self._standard_places):
            METRICS.rejected(lane, "process")
            raise ApiError(
                503,
                "overloaded",
                "This cell serves as many requests as it can. Retry as Retry-After says.",
                retry_after_s=self._mean_s / self._in_flight,
            )
        refusal = limiter.enter(now, realtime)
        if refusal is not None:
            return refusal
        if not limiter.listed:
            self._shares.watch(limiter)
        self._in_flight += 1
        METRICS.in_flight += 1
        return Visit(limiter, lane, now)

    async def insist_on_entering(self, refusal: Refusal, limiter: Limiter, lane: Lane, headers: list[Header]) -> Visit:
        """Asks again while others may have left something. Raises ApiError; `headers` then say how far the limits are."""
        until = perf_counter() + INSIST_S
        while perf_counter() < until and await self._shares.refresh(limiter, refusal):
            entered = self.enter(limiter, lane)
            if isinstance(entered, Visit):
                return entered
            refusal = entered
        raise _refused(refusal, limiter, lane, headers)

    def admit(self, visit: Visit, model: ModelInfo, prompt: int, answer: int, headers: list[Header]) -> Refusal | None:
        """Charges the estimate and adds to `headers` what is left; a Refusal goes to `insist_on_tokens`. Raises ApiError 503
        while the model fails."""
        limiter = visit.limiter
        now = perf_counter()
        if visit.breaker is None:
            self._pass_breaker(visit, model.name, now)
        refusal = limiter.spend(prompt + answer, now)
        if refusal is None:
            visit.prompt, visit.answer = prompt, answer
            headers += _told(limiter)
        return refusal

    async def insist_on_tokens(
        self, refusal: Refusal, visit: Visit, model: ModelInfo, prompt: int, answer: int, headers: list[Header]
    ) -> None:
        """Asks again while others may have left something. Raises ApiError 429."""
        until = perf_counter() + INSIST_S
        while perf_counter() < until and await self._shares.refresh(visit.limiter, refusal):
            again = self.admit(visit, model, prompt, answer, headers)
            if again is None:
                return
            refusal = again
        raise _refused(refusal, visit.limiter, visit.lane, headers)

    def _pass_breaker(self, visit: Visit, model: str, now: float) -> None:
        limiter = visit.limiter
        breaker = limiter.breakers.get(model)
        if breaker is None:
            breaker = limiter.breakers[model] = CircuitBreaker()
        ticket = breaker.enter(now)
        if ticket is None:
            limiter.requests.give_back(1.0)
            METRICS.rejected(visit.lane, "breaker")
            raise ApiError(
                503,
                "circuit_open",
                "Most of your last requests to this model failed, so it is left alone for a moment. Retry as Retry-After says.",
                param="model",
                retry_after_s=breaker.retry_after_s(now),
            )
        visit.breaker, visit.ticket, visit.model = breaker, ticket, model

    def leave(self, visit: Visit, exchange: Exchange | None) -> None:
        """Settles with what was measured. `exchange` is None if the request was refused before there was one."""
        now = perf_counter()
        limiter = visit.limiter
        lasted = now - visit.entered_at
        limiter.leave(lasted)
        self._in_flight -= 1
        self._mean_s += 0.1 * (lasted - self._mean_s)
        METRICS.in_flight -= 1
        charged = visit.prompt + visit.answer
        if charged:
            limiter.tokens.give_back(charged - _used(visit, exchange))
        if visit.breaker is not None and visit.breaker.leave(visit.ticket, _failed(exchange), now):
            METRICS.opened(visit.model)
        if exchange is not None and exchange.ending is not None:
            METRICS.ended(visit.lane, exchange.ending, now - exchange.admission.began)


def lane_of(given: bytes | None, serving: ServingInfo) -> Lane:
    """The lane that the header asks for; without one `standard`, or the least urgent that the workspace has. Raises ApiError."""
    if given is None:
        return "standard" if "standard" in serving.lanes else LANES[serving.lanes[-1].encode()]
    lane = LANES.get(given)
    if lane is None:
        raise invalid("'x-bailiwick-lane' must be realtime, standard or batch.", LANE.decode())
    if lane not in serving.lanes:
        message = f"This workspace may not use the lane {lane}. It may use: {', '.join(serving.lanes)}."
        raise ApiError(403, "lane_not_allowed", message, param=LANE.decode())
    return lane


def deadline_of(given: bytes | None, began: float) -> float | None:
    """When the answer is of no use any more, on the clock of `began`. Raises ApiError."""
    if given is None:
        return None
    if not given.isdigit() or len(given) > 9 or not 1 <= int(given) <= LONGEST_DEADLINE_MS:
        message = f"'x-bailiwick-deadline-ms' must be a whole number from 1 to {LONGEST_DEADLINE_MS}."
        raise invalid(message, DEADLINE.decode())
    return began + int(given) / 1000


_REASONS = {
    "concurrency": (
        "concurrency_limit_exceeded",
        "Your workspace may have {0} requests in flight. Wait for one to end.",
    ),
    "requests": ("rate_limit_exceeded", "Your workspace may send {1} requests a minute. Wait as Retry-After says."),
    "tokens": (
        "token_rate_limit_exceeded",
        "Your workspace may use {2} tokens a minute. Wait as Retry-After says, or ask for a shorter answer.",
    ),
}


def _refused(refusal: Refusal, limiter: Limiter, lane: Lane, headers: list[Header]) -> ApiError:
    METRICS.rejected(lane, refusal.reason)
    # As of now: nothing may have been asked of them for a while.
    now = perf_counter()
    limiter.requests.take(0.0, now)
    limiter.tokens.take(0.0, now)
    headers += _told(limiter)
    code, message = _REASONS[refusal.reason]
    told = message.format(limiter.concurrency, limiter.requests.per_minute, limiter.tokens.per_minute)
    return ApiError(429, code, told, retry_after_s=refusal.retry_after_s)


_SHORT = [b"%dms" % milliseconds for milliseconds in range(1000)]
"""Made once: formatting them would be a good part of what the door costs."""


def _told(limiter: Limiter) -> tuple[Header, ...]:
    requests, tokens = limiter.requests, limiter.tokens
    requests_left, requests_ms = requests.outlook()
    tokens_left, tokens_ms = tokens.outlook()
    return (
        (b"x-ratelimit-limit-requests", requests.limit),
        (b"x-ratelimit-limit-tokens", tokens.limit),
        (b"x-ratelimit-remaining-requests", b"%d" % requests_left),
        (b"x-ratelimit-remaining-tokens", b"%d" % tokens_left),
        (b"x-ratelimit-reset-requests", _SHORT[requests_ms] if requests_ms < 1000 else _span(requests_ms)),
        (b"x-ratelimit-reset-tokens", _SHORT[tokens_ms] if tokens_ms < 1000 else _span(tokens_ms)),
    )


def _span(milliseconds: int) -> bytes:
    """As OpenAI writes it: 3s, 1m30s."""
    minutes, seconds = divmod(ceil(milliseconds / 1000), 60)
    return b"%dm%ds" % (minutes, seconds) if minutes else b"%ds" % seconds


def _used(visit: Visit, exchange: Exchange | None) -> int:
    """Tokens that the request took. Where nobody counted them, because the caller went away, the estimate stands."""
    ending = None if exchange is None else exchange.ending
    if exchange is None or ending is None:
        return 0
    if ending.status == "completed":
        return ending.prompt_tokens + ending.completion_tokens
    if exchange.heard:
        return visit.prompt + exchange.heard
    return visit.prompt + visit.answer if ending.status == "cancelled" else 0


def _failed(exchange: Exchange | None) -> bool | None:
    """Whether the model failed the request; None if how it ended does not say."""
    ending = None if exchange is None else exchange.ending
    if exchange is None or ending is None or ending.status == "cancelled":
        return None
    error = exchange.failure
    if error is None:
        return False
    if error.status == 504:
        # A caller that gives too little time proves nothing.
        return True if exchange.admission.deadline_at is None else None
    if error.status == 503:
        return True if error.code in ENGINE_FAULTS else None
    return True if error.status >= 500 else None
