"""Stateless work that waits for a batch: lanes, turns between workspaces, nearest lengths, windows. Imports no torch."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush, heapreplace
from math import inf
from typing import Generic, TypeVar

from inference.engine.lanes import LANES, Lane
from inference.engine.window import Flush, Hold, Reason, Situation, Window, bucket

T = TypeVar("T")
PATIENCE: dict[Lane, int] = {"realtime": 0, "standard": 4, "batch": 19}
"""Batches that may begin in a lane above before one begins in this: a floor of a fifth, and of a twentieth."""
LAP = 8
"""A workspace whose oldest item stayed behind in this many batches that took its younger ones joins no more of others' batches
until it begins one, with that item: no item is passed over for ever."""


class QueueFull(Exception):
    """There is no room for this many more items."""


@dataclass(slots=True, eq=False, kw_only=True)
class Item(Generic[T]):
    """One unit of stateless work. Made by who submits it; from then on the queue's until it is taken or removed."""

    payload: T
    workspace: str
    lane: Lane
    window: Window
    size: int
    """Tokens, or whatever a batch is budgeted by; at least 1."""
    arrived: float
    weight: float = 1.0
    """The workspace's share beside others'."""
    deadline: float | None = None
    model: Hashable = None
    """Items of different models never share a batch, whatever the window says."""
    max_tokens: int = 0
    serial: int = field(default=-1, init=False)
    """Place in the order of arrival; -1 while it is in no queue."""


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    items: list[Item[T]]
    reason: Reason


@dataclass(slots=True)
class Flushes:
    """What was flushed so far, for metrics: batches by (window name, reason), and by (window name, items)."""

    reasons: Counter[tuple[str, Reason]] = field(default_factory=Counter)
    sizes: Counter[tuple[str, int]] = field(default_factory=Counter)


@dataclass(slots=True)
class _Waiting(Generic[T]):
    """What one workspace has waiting in one lane."""

    by_age: OrderedDict[int, Item[T]] = field(default_factory=OrderedDict)
    by_size: dict[Hashable, list[tuple[int, int]]] = field(default_factory=dict)
    """(size, serial) ascending, by model."""
    passed: int = 0
    """Batches that took items while the oldest stayed behind."""


class BatchQueue(Generic[T]):
    """Items of all workspaces. A batch begins with the oldest item of the workspace whose turn it is, in the first lane that
    has one, and is filled turn by turn with each workspace's item nearest to it in size. For one thread at a time.

    Turns go by work received over weight, as in start-time fair queueing: a workspace that comes back starts level.
    """

    def __init__(self, *, batch_size: int, max_waiting: int = 16_384, padded: bool = False, ride_size: int = 0) -> None:
        """`batch_size` bounds the sum of a batch's sizes, or rows times largest when they are `padded` to one length; an item
        above it goes alone. Items of lower lanes may ride along up to a total of `ride_size`."""
        self._batch_size = batch_size
        self._max_waiting = max_waiting
        self._padded = padded
        self._ride_size = ride_size
        self._items: dict[int, Item[T]] = {}
        self._lanes: dict[Lane, dict[str, _Waiting[T]]] = {lane: {} for lane in LANES}
        self._windows: dict[Window, OrderedDict[int, Item[T]]] = {}
        self._realtime: Counter[Window] = Counter()
        self._deadlines: list[tuple[float, int]] = []
        self._received: dict[str, float] = {}
        self._clock = 0.0
        self._passed: Counter[Lane] = Counter()
        self._serial = 0
        self.step_s = 0.0
        """How long a batch is expected to compute; holding leaves room for it."""
        self.draining = False
        self.flushes = Flushes()

    def __len__(self) -> int:
        return len(self._items)

    def submit(self, items: Sequence[Item[T]]) -> None:
        """Queues all of `items` or, when there is no room, none and raises QueueFull; an empty queue takes any number."""
        if self._items and len(self._items) + len(items) > self._max_waiting:
            raise QueueFull
        for item in items:
            self._serial += 1
            item.serial = self._serial
            self._items[item.serial] = item
            self._windows.setdefault(item.window, OrderedDict())[item.serial] = item
            self._realtime[item.window] += item.lane == "realtime"
            if item.deadline is not None:
                heappush(self._deadlines, (item.deadline, item.serial))
            waiting = self._lanes[item.lane].get(item.workspace)
            if waiting is None:
                waiting = self._lanes[item.lane][item.workspace] = _Waiting()
                self._received[item.workspace] = max(self._received.get(item.workspace, 0.0), self._clock)
            waiting.by_age[item.serial] = item
            insort(waiting.by_size.setdefault(item.model, []), (item.size, item.serial))

    def remove(self, item: Item[T]) -> bool:
        """Takes an item out; False when it is not in the queue any more."""
        if self._items.pop(item.serial, None) is not item:
            return False
        window = self._windows[item.window]
        del window[item.serial]
        self._realtime[item.window] -= item.lane == "realtime"
        if not window:
            del self._windows[item.window], self._realtime[item.window]
        waiting = self._lanes[item.lane][item.workspace]
        del waiting.by_age[item.serial]
        by_size = waiting.by_size[item.model]
        del by_size[bisect_left(by_size, (item.size, item.serial))]
        if not by_size:
            del waiting.by_size[item.model]
        if not waiting.by_age:
            del self._lanes[item.lane][item.workspace]
        self._forget()
        return True

    def expire(self, now: float) -> list[Item[T]]:
        """Takes out the items whose deadline has passed."""
        late = []
        while self._deadlines and self._deadlines[0][0] <= now:
            item = self._items.get(heappop(self._deadlines)[1])
            if item is not None and self.remove(item):
                late.append(item)
        return late

    def next_batch(self, now: float, *, busy: bool = False) -> Batch[T] | Hold:
        """Takes the next batch out, or says until when to hold: for ever when nothing waits. `busy` tells that the device
        has other work, such as decoding."""
        first = self._first()
        if first is None:
            return Hold(inf)
        items, full = self._fill(first)
        decision = self._decide(first, full, now, busy)
        if isinstance(decision, Hold):
            return decision
        self._pass_on(first.lane, items)
        self._clock = max(self._clock, min(self._received[workspace] for workspace in self._lanes[first.lane]))
        for item in items:
            self._received[item.workspace] += item.size / item.weight
        for item in items:
            self.remove(item)
        self.flushes.reasons[first.window.name, decision.reason] += 1
        self.flushes.sizes[first.window.name, len(items)] += 1
        return Batch(items, decision.reason)

    def _first(self) -> Item[T] | None:
        """The item that the next batch begins with."""
        lanes = [lane for lane in LANES if self._lanes[lane]]
        if not lanes:
            return None
        lane = next((lane for lane in reversed(lanes) if self._passed[lane] >= PATIENCE[lane]), lanes[0])
        heads = {workspace: next(iter(waiting.by_age.values())) for workspace, waiting in self._lanes[lane].items()}
        return heads[min(heads, key=lambda workspace: (self._received[workspace], heads[workspace].serial))]

    def _pass_on(self, begun: Lane, items: list[Item[T]]) -> None:
        self._passed[begun] = 0
        for lane in LANES[LANES.index(begun) + 1 :]:
            self._passed[lane] += bool(self._lanes[lane])
        taken = {item.serial for item in items}
        for lane, workspace in {(item.lane, item.workspace) for item in items}:
            waiting = self._lanes[lane][workspace]
            waiting.passed = 0 if next(iter(waiting.by_age)) in taken else waiting.passed + 1

    def _fill(self, first: Item[T]) -> tuple[list[Item[T]], bool]:
        """A batch around `first`, and whether it is full. Its own lane comes before those above, and those before riders."""
        items, total, largest, full = [first], first.size, first.size, False
        limit = first.window.limit(len(self._items))
        rank = LANES.index(first.lane)
        for lane in (first.lane, *LANES[:rank], *LANES[rank + 1 :]):
            room = self._batch_size if LANES.index(lane) <= rank else self._ride_size
            turns = [
                (
                    self._received[workspace] + (first.size / first.weight if workspace == first.workspace else 0.0),
                    n,
                    near,
                )
                for n, (workspace, waiting) in enumerate(self._lanes[lane].items())
                if (near := self._nearest(waiting, first)) is not None
            ]
            heapify(turns)
            while turns:
                received, n, near = turns[0]
                item = next(near, None)
                if item is None:
                    heappop(turns)
                elif len(items) == limit:
                    return items, True
                elif ((len(items) + 1) * max(largest, item.size) if self._padded else total + item.size) > room:
                    full |= room == self._batch_size
                    heappop(turns)
                else:
                    items.append(item)
                    total, largest = total + item.size, max(largest, item.size)
                    heapreplace(turns, (received + item.size / item.weight, n, near))
        return items, full or len(items) == limit

    def _nearest(self, waiting: _Waiting[T], first: Item[T]) -> Iterator[Item[T]] | None:
        """One workspace's items that may share a batch with `first`, nearest in size first, then oldest."""
        if waiting.passed >= LAP and first.serial not in waiting.by_age:
            return None
        by_size = waiting.by_size.get(first.model)
        return None if by_size is None else self._outward(by_size, first)

    def _outward(self, by_size: list[tuple[int, int]], first: Item[T]) -> Iterator[Item[T]]:
        groups = first.window.group_by
        one_length, one_limit = "prompt_len_bucket" in groups, "max_tokens_bucket" in groups
        length, limit = bucket(first.size), bucket(first.max_tokens)
        high = bisect_left(by_size, (first.size, 0))
        low = high - 1
        while low >= 0 or high < len(by_size):
            below = first.size - by_size[low][0] if low >= 0 else inf
            above = by_size[high][0] - first.size if high < len(by_size) else inf
            if below < above:
                at, low = low, low - 1
            else:
                at, high = high, high + 1
            size, serial = by_size[at]
            if one_length and bucket(size) != length:
                # Sorted by size: whatever lies beyond on this side is in another bucket too.
                low, high = (-1, high) if below < above else (low, len(by_size))
                continue
            item = self._items[serial]
            if item is not first and (not one_limit or bucket(item.max_tokens) == limit):
                yield item

    def _decide(self, first: Item[T], full: bool, now: float, busy: bool) -> Flush | Hold:
        """What the windows of all that waits come to: the first to end flushes."""
        while self._deadlines and self._deadlines[0][1] not in self._items:
            heappop(self._deadlines)
        deadline = self._deadlines[0][0] if self._deadlines else None
        until, other = inf, None
        for window, waiting in self._windows.items():
            situation = Situation(
                oldest=next(iter(waiting.values())).arrived,
                depth=len(self._items),
                full=full and window == first.window,
                realtime=self._realtime[window] > 0,
                busy=busy,
                deadline=deadline,
                step_s=self.step_s,
                draining=self.draining,
            )
            decision = window.decide(situation, now)
            if isinstance(decision, Hold):
                until = min(until, decision.until)
            elif window == first.window:
                return decision
            else:
                other = other or decision
        return other or Hold(until)

    def _forget(self) -> None:
        """Drops what is kept of workspaces and deadlines that no longer wait."""
        if not self._items:
            self._received.clear()
            self._deadlines.clear()
            self._clock = 0.0
        elif len(self._deadlines) > 2 * len(self._items) + 64:
            self._deadlines = [entry for entry in self._deadlines if entry[1] in self._items]
            heapify(self._deadlines)
        if len(self._received) > 64 + 2 * sum(map(len, self._lanes.values())):
            active = {workspace for lane in self._lanes.values() for workspace in lane}
            self._received = {
                workspace: received
                for workspace, received in self._received.items()
                if workspace in active or received > self._clock
            }
