"""Reading an object once from end to end, with its hash compared before its last byte is handed over."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any

from cell.objects.errors import ObjectDamaged

BUFFER_BYTES = 1 << 20


class CheckedReader(io.RawIOBase):
    """What `read` gives piece by piece (empty at the end) as a file that can be read forwards only; `close` is called once.

    `size` bytes are expected, and their SHA-256 `sha256` if that is known; otherwise reading the end raises ObjectDamaged.
    """

    def __init__(
        self, read: Callable[[int], bytes], close: Callable[[], object], *, size: int, sha256: str | None
    ) -> None:
        self._read, self._close = read, close
        self._left = size
        self._expected = sha256
        self._hash = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._read(min(len(buffer), self._left)) if self._left else b""
        if self._left and not block:
            raise _damaged()
        self._left -= len(block)
        self._hash.update(block)
        if not self._left and self._expected not in (None, self._hash.hexdigest()):
            raise _damaged()
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        if not self.closed:
            try:
                self._close()
            finally:
                super().close()


def buffered(reader: CheckedReader) -> io.BufferedReader:
    return io.BufferedReader(reader, BUFFER_BYTES)


def _damaged() -> ObjectDamaged:
    return ObjectDamaged("the object store does not hold the bytes that were put into it")
