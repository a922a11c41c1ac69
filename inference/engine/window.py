"""The batching window of a deployment or a workspace: how long stateless work may be held so that more of it shares a step.

A window is an upper bound on holding: whatever ends it first, ends it. Imports no torch and takes the time as an argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Preset = Literal["low-latency", "balanced", "high-throughput"]
Reason = Literal["full", "window", "idle", "realtime", "depth", "wait_cap", "deadline", "drain"]
"""Why a batch was flushed."""
Similarity = Literal["model_id", "max_tokens_bucket", "prompt_len_bucket"]
"""What items of one batch have in common."""
LADDER = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
"""Sizes a batch grows through under overload."""
SMALLEST_BUCKET = 64
MAX_WINDOW_MS = 10_000.0


class WindowError(ValueError):
    """A window cannot be used as configured; the message lists every problem by the name of its key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyFlush:
    """What ends a window before its time; None leaves a rule out."""

    if_priority: Literal["realtime"] | None = None
    """Flush as soon as an item of this lane waits."""
    if_queue_depth_gt: int | None = None
    """Flush when more items than this wait, and let the batch grow beyond `max_batch_size`."""
    if_wait_ms_gt: float | None = None
    """Flush when the oldest item has waited this long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a decision depends on. Times are seconds of the clock that `now` is of."""

    oldest: float
    """When the oldest item under this window arrived."""
    depth: int
    """Items that wait, whatever their window."""
    full: bool = False
    """Whether a whole batch is there."""
    realtime: bool = False
    """Whether an item of the realtime lane is among those under this window."""
    busy: bool = False
    """Whether the device is at other work, such as decoding, that a batch would hold up."""
    deadline: float | None = None
    """The earliest deadline of an item."""
    step_s: float = 0.0
    """How long a batch is expected to compute."""
    draining: bool = False


@dataclass(frozen=True, slots=True)
class Flush:
    reason: Reason


@dataclass(frozen=True, slots=True)
class Hold:
    until: float
    """When to ask again, unless something arrives before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The five knobs. Raises WindowError when made with values that cannot be used."""

    batch_window_ms: float
    """Longest time an item is held for company."""
    max_batch_size: int
    """Items of a batch, unless the depth rule lets it grow."""
    group_by: tuple[Similarity, ...]
    """What the items of a batch must share."""
    early_flush: EarlyFlush = field(default_factory=EarlyFlush)
    p95_budget_ms: float
    """Time from arrival to answer that holding must leave room for."""
    idle_flush: bool = True
    """Whether a device with nothing else to do flushes at once."""
    name: str = "custom"
    """What metrics call it."""

    def __post_init__(self) -> None:
        if problems := list(self._problems()):
            raise WindowError("; ".join(problems))

    @classmethod
    def parse(cls, values: Mapping[str, Any], *, name: str = "custom") -> Window:
        """A window from its keys as users write them, `early_flush` a list of one-key objects. Raises WindowError."""
        required = {"batch_window_ms", "max_batch_size", "group_by", "p95_budget_ms"}
        known = required | {"early_flush", "idle_flush"}
        problems = [f"{key} is missing" for key in sorted(required - values.keys())]
        problems += [
            f"{key} is no key of a window; the keys are {_all(known)}" for key in sorted(values.keys() - known)
        ]
        rules = _list(values, "early_flush", problems)
        groups = _list(values, "group_by", problems)
        flush: dict[str, Any] = {}
        for rule in rules:
            if not isinstance(rule, Mapping) or len(rule) != 1 or not rule.keys() <= set(EarlyFlush.__slots__):
                problems.append(f"early_flush takes objects with one key each, of {_all(EarlyFlush.__slots__)}")
            elif flush.keys() & rule.keys():
                problems.append(f"early_flush names {next(iter(rule))} twice")
            else:
                flush.update(rule)
        if problems:
            raise WindowError("; ".join(problems))
        given = {key: value for key, value in values.items() if key not in ("early_flush", "group_by")}
        return cls(**given, group_by=tuple(groups), early_flush=EarlyFlush(**flush), name=name)

    def values(self) -> dict[str, Any]:
        """The keys as `parse` reads them."""
        rules = {rule: getattr(self.early_flush, rule) for rule in EarlyFlush.__slots__}
        return {
            "batch_window_ms": self.batch_window_ms,
            "max_batch_size": self.max_batch_size,
            "group_by": list(self.group_by),
            "early_flush": [{rule: value} for rule, value in rules.items() if value is not None],
            "p95_budget_ms": self.p95_budget_ms,
            "idle_flush": self.idle_flush,
        }

    def limit(self, depth: int) -> int:
        """Items of a batch when `depth` wait: `max_batch_size`, or, once the depth rule fires, the next size of the ladder
        and one more for each doubling, so that a size chosen for latency never caps the throughput under overload."""
        most = self.early_flush.if_queue_depth_gt
        if most is None or depth <= most:
            return self.max_batch_size
        larger = [size for size in LADDER if size > self.max_batch_size] or [self.max_batch_size]
        return larger[min((depth // max(most, 1)).bit_length(), len(larger)) - 1]

    def decide(self, situation: Situation, now: float) -> Flush | Hold:
        """Whether to flush at `now`. A Hold asked again at its `until` is a Flush."""
        rules = self.early_flush
        caps: list[tuple[float, Reason]] = [(situation.oldest + self.batch_window_ms / 1000, "window")]
        if rules.if_wait_ms_gt is not None:
            caps.append((situation.oldest + rules.if_wait_ms_gt / 1000, "wait_cap"))
        caps.append((situation.oldest + self.p95_budget_ms / 1000 - situation.step_s, "deadline"))
        if situation.deadline is not None:
            caps.append((situation.deadline - situation.step_s, "deadline"))
        until, cap = min(caps)
        reason: Reason
        if situation.draining:
            reason = "drain"
        elif situation.realtime and rules.if_priority is not None:
            reason = "realtime"
        elif rules.if_queue_depth_gt is not None and situation.depth > rules.if_queue_depth_gt:
            reason = "depth"
        elif situation.full:
            reason = "full"
        elif now >= until:
            reason = cap
        elif self.idle_flush and not situation.busy:
            reason = "idle"
        else:
            return Hold(until)
        return Flush(reason)

    def _problems(self) -> Iterable[str]:
        rules = self.early_flush
        window = self.batch_window_ms
        if not _number(window) or not 0 <= window <= MAX_WINDOW_MS:
            yield f"batch_window_ms must be from 0 to {MAX_WINDOW_MS:g}"
        if not _whole(self.max_batch_size) or not 1 <= self.max_batch_size <= LADDER[-1]:
            yield f"max_batch_size must be a whole number from 1 to {LADDER[-1]}"
        allowed = get_args(Similarity)
        # Compared one by one: what came from JSON may not be hashable.
        if any(name not in allowed or self.group_by.count(name) > 1 for name in self.group_by):
            yield f"group_by may name each of {_all(allowed)} once"
        if not _number(self.p95_budget_ms) or (_number(window) and not self.p95_budget_ms > window):
            yield "p95_budget_ms must be above batch_window_ms, or every held item would break it"
        if rules.if_priority not in (None, "realtime"):
            yield "early_flush.if_priority can only be realtime"
        depth, wait = rules.if_queue_depth_gt, rules.if_wait_ms_gt
        if depth is not None and not (_whole(depth) and depth >= 1):
            yield "early_flush.if_queue_depth_gt must be a whole number of at least 1"
        if wait is not None and not (_number(wait) and wait >= 0 and (not _number(window) or wait <= window)):
            yield "early_flush.if_wait_ms_gt must be from 0 to batch_window_ms: after that the window has ended anyway"
        if not _flag(self.idle_flush):
            yield "idle_flush must be true or false"


def bucket(n: int, smallest: int = SMALLEST_BUCKET) -> int:
    """The power of two that `n` tokens are grouped under: the least that holds them, and at least `smallest`."""
    return max(smallest, 1 << max(n - 1, 0).bit_length())


def _all(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _list(values: Mapping[str, Any], key: str, problems: list[str]) -> list[Any]:
    found = values.get(key, [])
    if isinstance(found, (list, tuple)):
        return list(found)
    problems.append(f"{key} must be a list")
    return []


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


PRESETS: dict[Preset, Window] = {
    "low-latency": Window(
        name="low-latency",
        batch_window_ms=6,
        max_batch_size=8,
        group_by=("model_id", "max_tokens_bucket"),
        early_flush=EarlyFlush(if_priority="realtime", if_queue_depth_gt=16),
        p95_budget_ms=250,
    ),
    "balanced": Window(
        name="balanced",
        batch_window_ms=12,
        max_batch_size=16,
        group_by=("model_id", "max_tokens_bucket", "prompt_len_bucket"),
        early_flush=EarlyFlush(if_priority="realtime", if_wait_ms_gt=10),
        p95_budget_ms=350,
    ),
    "high-throughput": Window(
        name="high-throughput",
        batch_window_ms=20,
        max_batch_size=32,
        group_by=("model_id", "prompt_len_bucket"),
        early_flush=EarlyFlush(if_wait_ms_gt=18),
        p95_budget_ms=450,
    ),
}
