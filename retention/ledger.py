"""The ledger of tombstones: what was erased, outside of the database, so that a restored backup can be told again.

One JSON line a tombstone, each with the hash of the line before it; appended and fsynced under a lock. It holds ids of this
cell only. A tombstone may stand in it twice: replaying one that is already known changes nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cell.durable import sync_folder

VERSION = 2
"""Lines of version 1 name one request and have neither `scope` nor `subject` nor `before`."""
GENESIS = "0" * 64
"""`previous` of the first line."""
_LONGEST_LINE = 4096


class LedgerBroken(Exception):
    """The ledger was altered, or a part of it is missing; nothing is appended to it until an operator has looked."""


class LedgerBehind(LedgerBroken):
    """The ledger lacks lines that are known elsewhere: it is an older copy, or the ledger of something else."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the ledger, after so many lines."""

    lines: int = 0
    head: str = GENESIS
    """SHA-256 of the last of these lines, in hexadecimal."""
    position: int = 0
    """Where it ends, in bytes."""


@dataclass(frozen=True, slots=True)
class LedgerLine:
    erasure: str
    """Public ids, as everywhere outside of the database."""
    workspace: str
    request: str | None
    """None where the scope is a subject or the whole workspace."""
    fenced_at: str
    previous: str
    """SHA-256 of the line before, in hexadecimal."""
    number: int
    """From 0, without gaps."""
    v: int = VERSION
    scope: str = "request"
    subject: str | None = None
    """The subject's pseudonym, in hexadecimal."""
    before: str | None = None
    """Hexadecimal UUIDv7: the subject's requests with lower numbers are erased."""

    def encode(self) -> bytes:
        fields = asdict(self)
        if self.v == 1:
            fields = {name: value for name, value in fields.items() if name not in ("scope", "subject", "before")}
        return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode() + b"\n"


class Ledger:
    """The file at `path`; several processes may append to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(
        self,
        *,
        erasure: str,
        workspace: str,
        fenced_at: str,
        request: str | None = None,
        scope: str = "request",
        subject: str | None = None,
        before: str | None = None,
    ) -> LedgerLine:
        """Adds a tombstone; durable when this returns. Raises LedgerBroken, or OSError if it cannot be written."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            end = _whole_end(descriptor)
            number, previous = _head(descriptor, end)
            line = LedgerLine(
                erasure, workspace, request, fenced_at, previous, number, scope=scope, subject=subject, before=before
            )
            _write_at(descriptor, end, line.encode())
            os.fsync(descriptor)
            sync_folder(self.path.parent)
        finally:
            os.close(descriptor)  # and with it the lock
        return line

    def lines(self) -> Iterator[LedgerLine]:
        """All tombstones, oldest first, each checked against the one before. Raises LedgerBroken."""
        return (line for line, _ in self.after(Mark()))

    def after(self, mark: Mark) -> Iterator[tuple[LedgerLine, Mark]]:
        """Tombstones behind `mark`, oldest first and checked as in `lines`, each with the mark behind it.

        Raises LedgerBroken; LedgerBehind if there is no such mark in this ledger.
        """
        if not self.path.exists():
            if mark.lines:
                raise LedgerBehind("the erasure ledger is gone")
            return
        if not self.has(mark):
            raise LedgerBehind(f"the erasure ledger does not have the {mark.lines} lines that are known of it")
        with self.path.open("rb") as file:
            file.seek(mark.position)
            for raw in file:
                if not raw.endswith(b"\n"):
                    return  # being written, or torn by a crash: it was never acknowledged
                line = _parsed(raw)
                if line.previous != mark.head or line.number != mark.lines:
                    raise LedgerBroken(f"line {mark.lines} of the erasure ledger does not follow the one before it")
                mark = Mark(mark.lines + 1, _hash(raw), mark.position + len(raw))
                yield line, mark

    def has(self, mark: Mark) -> bool:
        """Whether `mark` is a place in this ledger."""
        if mark == Mark():
            return True
        if not self.path.exists():
            return False
        with self.path.open("rb") as file:
            return _mark_at(file.fileno(), mark.position) == mark

    def end(self) -> Mark:
        """The mark behind the last line, read with all that are before it. Raises LedgerBroken."""
        last = Mark()
        for _, mark in self.after(Mark()):
            last = mark
        return last


def _hash(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _parsed(raw: bytes) -> LedgerLine:
    try:
        fields: dict[str, Any] = json.loads(raw)
        line = LedgerLine(**fields)
    except (ValueError, TypeError) as error:
        raise LedgerBroken("a line of the erasure ledger is not a tombstone") from error
    if line.v not in (1, VERSION) or line.encode() != raw:
        raise LedgerBroken("a line of the erasure ledger was altered")
    return line


def _whole_end(descriptor: int) -> int:
    """Where the last whole line ends: what a crash tore off was never acknowledged and is overwritten."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, _LONGEST_LINE, max(0, size - _LONGEST_LINE))
    torn = len(tail) - (tail.rfind(b"\n") + 1)
    if torn == len(tail) and size > len(tail):
        raise LedgerBroken("the erasure ledger ends in a line that is too long")
    if torn:
        os.ftruncate(descriptor, size - torn)
    return size - torn


def _head(descriptor: int, end: int) -> tuple[int, str]:
    """Number and `previous` of the next line."""
    tail = os.pread(descriptor, min(end, _LONGEST_LINE), max(0, end - _LONGEST_LINE))
    if not tail:
        return 0, GENESIS
    raw = tail[tail.rfind(b"\n", 0, -1) + 1 :]
    return _parsed(raw).number + 1, _hash(raw)


def _mark_at(descriptor: int, position: int) -> Mark | None:
    """The mark behind the line that ends at `position`; None if none ends there."""
    if position == 0:
        return Mark()
    if os.fstat(descriptor).st_size < position or os.pread(descriptor, 1, position - 1) != b"\n":
        return None
    lines, head = _head(descriptor, position)
    return Mark(lines, head, position)


def _write_at(descriptor: int, offset: int, content: bytes) -> None:
    try:
        written = os.pwrite(descriptor, content, offset)
        if written != len(content):
            raise OSError("the erasure ledger was written in part: its disk is full")
    except OSError:
        os.ftruncate(descriptor, offset)
        raise
