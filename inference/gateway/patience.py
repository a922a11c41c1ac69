"""One clock for all requests under way: what has to happen when an engine takes its time.

A timer for each request costs a fiftieth of it, and most requests never need theirs. Here one tick looks at the oldest, and
there is no tick while nothing is under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar

_T = TypeVar("_T", bound=Hashable)


class Patience(Generic[_T]):
    """Calls `act(waiting)` once for everything that has been waiting for `seconds`, or up to twice as long.

    Made inside the event loop that it belongs to.
    """

    __slots__ = ("_act", "_seconds", "_ticking", "_waiting", "loop")

    def __init__(self, seconds: float, act: Callable[[_T], None]) -> None:
        self._seconds = seconds
        self._act = act
        self._waiting: dict[_T, float] = {}
        """In the order in which they began."""
        self._ticking = False
        self.loop = asyncio.get_running_loop()
        """Kept, because asking asyncio for it is a system call each time."""

    def begin(self, waiting: _T) -> None:
        self._waiting[waiting] = monotonic()
        if not self._ticking:
            self._ticking = True
            self.loop.call_later(self._seconds, self._tick)

    def end(self, waiting: _T) -> None:
        """It waits no longer. Harmless if it did not."""
        self._waiting.pop(waiting, None)

    def _tick(self) -> None:
        before = monotonic() - self._seconds
        late = []
        for waiting, since in self._waiting.items():
            if since > before:
                break
            late.append(waiting)
        for waiting in late:
            del self._waiting[waiting]
        self._ticking = bool(self._waiting)
        if self._ticking:
            self.loop.call_later(self._seconds, self._tick)
        for waiting in late:
            self._act(waiting)
