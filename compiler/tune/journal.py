"""What a tuning run has learned so far, a line a fact: whoever runs next reads it and goes on from there."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any

from compiler.tune import canonical

Record = dict[str, Any]
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors that mean that there is no room: tuning goes on, and keeps less."""
_DIGEST = 16


class Journal:
    """Lines of `digest record`, each written before the next trial begins. One process at a time: hold the key's claim.

    A line that is torn or changed ends the journal: it and what follows is cut off, and is measured again.
    """

    def __init__(self, path: Path, header: Record) -> None:
        """Opens or begins the journal at `path`. One that begins with another header is begun anew.

        A full disk leaves a journal that keeps nothing, which `lost` says.
        """
        self.path = path
        self.records: list[Record] = []
        self.dropped = 0
        """Lines cut off because they were torn, changed or another header's."""
        self.lost = 0
        """Records that a full disk did not take."""
        self._end = 0
        self._file = self._open()
        if self._file is None:
            return
        records = self._read()
        if records and canonical.text(records[0]) == canonical.text(header):
            self.records = records[1:]
            return
        self.dropped += len(records)
        self._cut(0)
        self.append(header)

    def append(self, record: Record, *, durable: bool = True) -> None:
        """Adds a line that outlives this process; with `durable` it is on the disk and outlives the machine's power, too."""
        if self._file is None:
            self.lost += 1
            return
        body = canonical.text(record).encode()
        line = _sum(body) + b" " + body + b"\n"
        try:
            written = 0
            while written < len(line):
                written += os.write(self._file, line[written:])
            if durable:
                os.fsync(self._file)
        except OSError as error:
            self._cut(self._end)
            if error.errno not in FULL:
                raise
            self.lost += 1
            return
        self._end += len(line)

    def discard(self) -> None:
        """Removes the journal: what it knew is in a row."""
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> int | None:
        try:
            self.path.parent.mkdir(exist_ok=True, mode=0o700)
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno not in FULL:
                raise
            return None

    def _read(self) -> list[Record]:
        records: list[Record] = []
        content = self.path.read_bytes()
        lines = content.split(b"\n")
        for line in lines[:-1]:
            found, _, body = line.partition(b" ")
            if found != _sum(body):
                break
            records.append(json.loads(body))
            self._end += len(line) + 1
        self.dropped = content[self._end :].count(b"\n") + bool(lines[-1])
        if self.dropped:
            self._cut(self._end)
        return records

    def _cut(self, end: int) -> None:
        if self._file is not None:
            os.ftruncate(self._file, end)
            self._end = end


def _sum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:_DIGEST].encode()
