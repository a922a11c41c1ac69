"""How much a workspace may ask of this process: its part of the workspace's limits, which all web processes share.

A process spends from a part that it was told (`inference.gateway.shares` tells it, every tenth of a second) and reports what it
spent; between two words from there nothing is asked of anybody. Where nobody can tell, its part is the limit divided by the
number of processes. Nothing here awaits, so a check and its effect cannot be split by another request. Times are seconds of
one monotonic clock.

How far all processes together can pass a limit: what each may spend before it hears of the others. With P > 1 processes that is
a `SLICES`-th of what is left, divided by P, or one request where that is less. So in any time t no more than
``burst + rate * t + max(P, burst / SLICES)`` requests start (of tokens: with the largest request in the place of one), and no
more than ``concurrency + max(P, concurrency / SLICES)`` run. What was passed is owed: it is taken from what comes after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from inference.gateway.breaker import CircuitBreaker
from workspaces.contracts import ServingInfo

SLICES = 4
BURST = 6
"""The part of a minute that may come at once: a sixth of what the minute allows."""
_ROUNDING = 1e-6

Reason = Literal["requests", "tokens", "concurrency"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A limit that was reached, and in how many seconds it is worth asking again."""

    reason: Reason
    retry_after_s: float
    room: bool
    """Whether all processes together have room, as far as this one knows, and it was only given too small a part of it."""


class Bucket:
    """This process's part of one rate. `level` is what it may spend; below zero it has spent in advance."""

    __slots__ = (
        "_at",
        "_cap",
        "_fill",
        "_parts",
        "_rate",
        "_untouched",
        "burst",
        "level",
        "limit",
        "per_minute",
        "spent",
    )

    def __init__(self, per_minute: int, parts: int, now: float) -> None:
        self._at = now
        self._parts = parts
        self._set(per_minute)
        self.level = self._cap
        self._untouched = 0.0
        """What all have left, by a word since which nothing was spent here."""
        self.spent = 0.0
        """Since the last report."""

    def _set(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self.limit = b"%d" % per_minute
        self.burst = float(max(1, per_minute // BURST))
        self._rate = per_minute / 60
        self._divide(self._parts)

    def _divide(self, parts: int) -> None:
        self._parts = parts
        self._cap = self.burst / parts
        self._fill = self._rate / parts

    def configure(self, per_minute: int) -> None:
        """The limit changed; what was spent stays spent."""
        if per_minute != self.per_minute:
            self._set(per_minute)
            self.level = min(self.level, self._cap)

    def take(self, cost: float, now: float) -> float:
        """Spends `cost` and returns 0, or returns the seconds until it can be had. More than there ever is can be had when
        the bucket is full, and is then owed. After each word one request may be larger than this process's part."""
        cap = self._cap
        level = self.level + (now - self._at) * self._fill
        if level > cap:
            level = cap
        self._at = now
        need = cost if cost < cap else cap
        if level + _ROUNDING < need and self._untouched < min(cost, self.burst):
            self.level = level
            return (need - level) / self._fill
        self.level = level - cost
        self._untouched = 0.0
        self.spent += cost
        return 0.0

    def give_back(self, amount: float) -> None:
        """What was taken and not used; a negative amount was used and not taken."""
        self.level += amount
        self.spent -= amount

    def share(self, whole: float, parts: int, now: float) -> None:
        """`whole` is what all processes together have left, and this one may spend a `parts`-th of it until it hears again.
        What it has spent since it last reported is not in `whole` yet."""
        self._divide(parts)
        self._at = now
        self._untouched = 0.0 if self.spent > 0 else whole
        self.level = (whole if whole < 0 else whole / parts) - self.spent

    def split(self, parts: int, now: float) -> None:
        """From now on this process's part is another one."""
        level = self._filled(now)
        self._at = now
        self._untouched = 0.0
        self.level = level if level < 0 else level * self._parts / parts
        self._divide(parts)

    def whole(self, now: float) -> float:
        """What all processes together have left, if the others have spent as this one has."""
        level = self._filled(now)
        return level if level < 0 else level * self._parts

    def holds(self, cost: float, now: float) -> bool:
        """Whether all processes together have so much left."""
        return self.whole(now) >= min(cost, self.burst)

    def outlook(self) -> tuple[int, int]:
        """What all processes together have left, never below zero, and milliseconds until nothing of the limit is used up; as of
        when something was last asked for."""
        level = self.level
        if level < 0:
            return 0, int((self.burst - level) / self._rate * 1000) + 1
        whole = level * self._parts
        return int(whole), int((self.burst - whole) / self._rate * 1000) + 1

    def missing(self, now: float) -> float:
        """How far this process's part is from full: what weighs still of all that it spent."""
        return self._cap - self._filled(now)

    def _filled(self, now: float) -> float:
        return min(self._cap, self.level + (now - self._at) * self._fill)


class Limiter:
    """The limits of one workspace in this process. Every `enter` that returns None is followed by one `leave`."""

    __slots__ = (
        "_elsewhere",
        "_mean_s",
        "_places",
        "_standard_places",
        "breakers",
        "concurrency",
        "in_flight",
        "knows_others",
        "listed",
        "refreshed_at",
        "requests",
        "reserve",
        "tokens",
        "used_at",
        "workspace",
    )

    def __init__(self, workspace: UUID, serving: ServingInfo, parts: int, now: float) -> None:
        self.workspace = workspace
        self.breakers: dict[str, CircuitBreaker] = {}
        """By model."""
        self.in_flight = 0
        self.knows_others = False
        """Whether the last word about the other processes still holds."""
        self.listed = False
        """Whether `Shares` looks after it now."""
        self.refreshed_at = self.used_at = now
        self._elsewhere = 0
        self._mean_s = 1.0
        self.requests = Bucket(serving.requests_per_minute, parts, now)
        self.tokens = Bucket(serving.tokens_per_minute, parts, now)
        self.concurrency, self.reserve = serving.concurrency, serving.realtime_reserve
        self._split_places(parts)

    def configure(self, serving: ServingInfo, parts: int) -> None:
        """The policy changed."""
        self.requests.configure(serving.requests_per_minute)
        self.tokens.configure(serving.tokens_per_minute)
        if (serving.concurrency, serving.realtime_reserve) != (self.concurrency, self.reserve):
            self.concurrency, self.reserve = serving.concurrency, serving.realtime_reserve
            self._split_places(parts)

    def enter(self, now: float, realtime: bool) -> Refusal | None:
        """Takes a place and one request of the rate."""
        self.used_at = now
        in_flight = self.in_flight
        if in_flight >= (self._places if realtime else self._standard_places):
            free = self.concurrency - self._elsewhere - in_flight - (0 if realtime else self.reserve)
            # Places become free as fast as requests end.
            return Refusal("concurrency", self._mean_s / (in_flight or 1), free > 0)
        wait = self.requests.take(1.0, now)
        if wait:
            return Refusal("requests", wait, self.requests.holds(1.0, now))
        self.in_flight = in_flight + 1
        return None

    def spend(self, tokens: float, now: float) -> Refusal | None:
        """Charges the estimate of a request that has entered."""
        wait = self.tokens.take(tokens, now)
        return Refusal("tokens", wait, self.tokens.holds(tokens, now)) if wait else None

    def leave(self, lasted_s: float) -> None:
        """Gives the place back; `lasted_s` is how long it was taken."""
        self.in_flight -= 1
        self._mean_s += 0.1 * (lasted_s - self._mean_s)

    def share(self, requests: float, tokens: float, elsewhere: int, reported: int, parts: int, now: float) -> None:
        """What all processes together have left of both rates, and how many requests run in the others. `reported` is how
        many this one said that it runs."""
        self.requests.share(requests, parts, now)
        self.tokens.share(tokens, parts, now)
        self._elsewhere = elsewhere
        free = self.concurrency - elsewhere - reported
        self._places = reported + _part(free, parts)
        self._standard_places = reported + _part(free - self.reserve, parts)
        self.knows_others = True
        self.refreshed_at = now

    def split(self, parts: int, now: float) -> None:
        """Nobody can tell what the others do: this process has its part of everything and no more."""
        self.requests.split(parts, now)
        self.tokens.split(parts, now)
        self._split_places(parts)

    def _split_places(self, parts: int) -> None:
        self.knows_others = False
        self._places = _part(self.concurrency, parts)
        self._standard_places = _part(self.concurrency - self.reserve, parts)


def _part(free: int, parts: int) -> int:
    """How many more this process may start before it hears of the others again."""
    return 0 if free <= 0 else max(1, free // parts)
