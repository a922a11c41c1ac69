"""How far a command is, for whoever waits for it."""

from __future__ import annotations

from typing import TextIO


class Bar:
    """One line that is drawn over itself in a terminal; elsewhere a line for each thing that is begun."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._drawn, self._what = stream, stream.isatty(), ""

    def __call__(self, what: str, done: int, of: int) -> None:
        if self._drawn:
            filled = 24 * done // max(1, of)
            self._stream.write(f"\r\x1b[K{'█' * filled}{'░' * (24 - filled)} {what} {done}/{of}")
        elif what != self._what:
            self._stream.write(f"{what}\n")
        self._what = what
        self._stream.flush()

    def end(self) -> None:
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
