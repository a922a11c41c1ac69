"""What calls cost that no bucket took: how many, why, and whether they have become more than a few."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from enum import StrEnum


class Slow(StrEnum):
    """Why the reference computed a call."""

    NO_BUCKET = "no_bucket"
    """Its sizes are not compiled for."""
    REFERENCE = "reference"
    """They are, and there is nothing that compiled code was made of, or that was proven."""


class Drift:
    """Counts calls and slow ones; the alarm is on while too large a part of the last ones were slow."""

    def __init__(
        self,
        *,
        window: float = 300.0,
        threshold: float = 0.05,
        least: int = 50,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`window` in seconds; `threshold` as a part of 1; `least` is how many calls of a window say anything."""
        self.window, self.threshold, self._least, self._clock = window, threshold, least, clock
        self._calls: deque[tuple[float, bool]] = deque()
        self._slow_in_window = 0
        self._total: Counter[Slow] = Counter()
        self._lock = threading.Lock()

    def count(self, slow: Slow | None) -> None:
        with self._lock:
            if slow is not None:
                self._total[slow] += 1
                self._slow_in_window += 1
            self._calls.append((self._clock(), slow is not None))
            self._forget()

    @property
    def slow_path_total(self) -> Mapping[Slow, int]:
        """By reason, since the beginning; a metric of this name."""
        with self._lock:
            return {reason: self._total[reason] for reason in Slow}

    @property
    def rate(self) -> float:
        """The part of the window's calls that were slow; 0 where there were none."""
        with self._lock:
            self._forget()
            return self._slow_in_window / len(self._calls) if self._calls else 0.0

    @property
    def alarm(self) -> bool:
        """Whether the sizes of calls have drifted from what was compiled for."""
        rate = self.rate
        return len(self._calls) >= self._least and rate > self.threshold

    def _forget(self) -> None:
        """What is older than the window; of a busy one only the last calls, so that memory has an end."""
        oldest = self._clock() - self.window
        while self._calls and (self._calls[0][0] < oldest or len(self._calls) > _MOST):
            self._slow_in_window -= self._calls.popleft()[1]


_MOST = 1 << 14
