"""A process's log: appended to, and rotated by size so that it never fills the disk."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

MAX_BYTES = 8 * 1024 * 1024
KEEP = 3


class LogFile:
    """`path` and up to `keep` older files `path.1` (the newest) and on."""

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES, keep: int = KEEP) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._descriptor = self._open()
        self._size = os.fstat(self._descriptor).st_size

    def write(self, data: bytes) -> None:
        """Appends. On a full disk the lines are lost: a log is not worth stopping the cell for, and nothing else is here."""
        with contextlib.suppress(OSError):
            if self._size + len(data) > self._max_bytes and self._size:
                self._rotate()
            self._size += os.write(self._descriptor, data)

    def tail(self, lines: int) -> list[str]:
        """The last lines, for an error message."""
        text = self.path.read_bytes()[-8192:].decode(errors="replace")
        return text.splitlines()[-lines:]

    def close(self) -> None:
        os.close(self._descriptor)

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _rotate(self) -> None:
        for number in range(self._keep, 0, -1):
            older = self.path if number == 1 else self._numbered(number - 1)
            if older.exists():
                older.replace(self._numbered(number))
        os.close(self._descriptor)
        self._descriptor = self._open()
        self._size = 0

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")
