"""Keeps out of a process what libraries import for no other reason than that it is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*names: str) -> Iterator[None]:
    """What is imported within finds none of these packages installed; what was imported before has them still."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is how the import system is told so
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
