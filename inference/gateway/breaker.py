"""Stops sending a workspace's requests to a model that fails them, and finds out when it no longer does.

Closed lets everything through and counts. When at least half of at least twenty requests of ten seconds failed it opens: for a
while everything is refused, at once and for nothing. Then it is half open: one request at a time is let through, and how that
one ends decides. Only faults of ours are failures; what a caller did wrong, or gave up, says nothing.
"""

from __future__ import annotations

from enum import StrEnum

WINDOW_S = 10
"""Counted in whole seconds: the running one and the nine before it."""
FEWEST = 20
SHARE = 0.5
OPEN_S = 5.0
LONGEST_OPEN_S = 60.0
"""Each failed probe doubles the wait, up to here."""


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


_CLOSED = State.CLOSED  # looked up without asking the enumeration, on every request


class CircuitBreaker:
    """Of one workspace and one model. `now` is in seconds of a monotonic clock.

    Each `enter` that returns a ticket is followed by one `leave` with it.
    """

    __slots__ = (
        "_epoch",
        "_failed",
        "_failed_at",
        "_open_s",
        "_opens_until",
        "_probing",
        "_seconds",
        "_total",
        "state",
    )

    def __init__(self) -> None:
        self.state = State.CLOSED
        self._epoch = 0
        """Counts the changes of state: how a request ended says nothing about a state it did not begin in."""
        self._seconds = [-1] * WINDOW_S
        self._total = [0] * WINDOW_S
        self._failed = [0] * WINDOW_S
        self._failed_at = -float(WINDOW_S)
        self._open_s = OPEN_S
        self._opens_until = 0.0
        self._probing = False

    def enter(self, now: float) -> int | None:
        """A ticket, or None: refused for the next `retry_after_s`."""
        if self.state is _CLOSED:
            return self._epoch
        if self.state is State.OPEN:
            if now < self._opens_until:
                return None
            self._become(State.HALF_OPEN)
        if self._probing:
            return None
        self._probing = True
        return self._epoch

    def retry_after_s(self, now: float) -> float:
        """When it is worth asking again: after the pause, or when the probe under way may have ended."""
        return max(1.0, self._opens_until - now)

    def leave(self, ticket: int, failed: bool | None, now: float) -> bool:
        """How the request ended; `failed` is None if that says nothing about the model. True if this opened the breaker."""
        if ticket != self._epoch:
            return False
        if self.state is _CLOSED:
            return failed is not None and self._count(failed, now)
        self._probing = False
        if failed is None:
            return False
        if failed:
            self._open_s = min(2 * self._open_s, LONGEST_OPEN_S)
            self._open(now)
            return True
        self._open_s = OPEN_S
        self._seconds = [-1] * WINDOW_S
        self._become(State.CLOSED)
        return False

    def _count(self, failed: bool, now: float) -> bool:
        second = int(now)
        slot = second % WINDOW_S
        if self._seconds[slot] != second:
            self._seconds[slot] = second
            self._total[slot] = self._failed[slot] = 0
        self._total[slot] += 1
        if failed:
            self._failed[slot] += 1
            self._failed_at = now
        elif now - self._failed_at > WINDOW_S:
            # The usual case: nothing failed lately, so there is nothing to add up.
            return False
        recent = [slot for slot in range(WINDOW_S) if self._seconds[slot] > second - WINDOW_S]
        total, failures = sum(self._total[slot] for slot in recent), sum(self._failed[slot] for slot in recent)
        if total < FEWEST or failures < SHARE * total:
            return False
        self._open(now)
        return True

    def _open(self, now: float) -> None:
        self._opens_until = now + self._open_s
        self._become(State.OPEN)

    def _become(self, state: State) -> None:
        self.state = state
        self._epoch += 1
        self._probing = False
