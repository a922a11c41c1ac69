"""Whether this process answers requests. Imports no torch."""

from __future__ import annotations

import threading

_lock = threading.Lock()
_count = 0


def began() -> None:
    """To be called by whatever begins to serve; `ended` undoes it."""
    global _count
    with _lock:
        _count += 1


def ended() -> None:
    global _count
    with _lock:
        _count -= 1


def active() -> bool:
    return _count > 0
