"""How far a run is: a bar in a terminal, nothing elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

from compiler.tune.trial import Trial

_WIDTH = 24
_EVERY_S = 0.1
"""Drawing more often costs time that a measurement beside it would feel."""


class Progress:
    """One line on `stream`, standard error unless given, drawn over itself: what is tuned, the stage, the best so far."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._shown = self._stream.isatty()
        self._title = self._stage = ""
        self._total = self._done = 0
        self._best: Trial | None = None
        self._first_ns: float | None = None
        self._drawn = 0.0

    def begin(self, title: str) -> None:
        self._title, self._best, self._first_ns = title, None, None

    def stage(self, name: str, total: int) -> None:
        self._stage, self._total, self._done = name, total, 0
        self._draw(now=True)

    def step(self, best: Trial | None) -> None:
        self._done += 1
        self._best = best
        if self._first_ns is None and best is not None:
            self._first_ns = best.time()
        self._draw(now=self._done >= self._total)

    def end(self, text: str) -> None:
        """Replaces the bar by a line that stays."""
        self._write(f"\r\x1b[K{self._title}: {text}\n")

    def _draw(self, *, now: bool) -> None:
        if not now and time.monotonic() - self._drawn < _EVERY_S:
            return
        self._drawn = time.monotonic()
        filled = _WIDTH * min(self._done, self._total) // max(1, self._total)
        line = f"{'█' * filled}{'░' * (_WIDTH - filled)} {self._title} · {self._stage} {self._done}/{self._total}"
        if self._best is not None and self._first_ns:
            best = self._best.time()
            line += f" · best {best / 1e6:.3g} ms ({self._first_ns / best:.2f}×)"
        columns = shutil.get_terminal_size().columns
        self._write(f"\r\x1b[K{line[: columns - 1]}")

    def _write(self, text: str) -> None:
        if self._shown:
            self._stream.write(text)
            self._stream.flush()
