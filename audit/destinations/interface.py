"""What is sent, and what every destination does with it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, Protocol, Self

from audit.formats import Form, Format, Log
from audit.formats.line import Line

_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{7,63}")


@dataclass(frozen=True, slots=True)
class Item:
    """One entry, as one line of the batch's format."""

    id: str
    """Of the entry: what a receiver recognises it by when it comes twice."""
    time: str
    """RFC 3339 in UTC."""
    milliseconds: int
    """The same since 1970."""
    severity: int
    """1 (informational) to 5 (critical)."""
    line: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """A stretch of one log in one format. Made once: what is sent again is the same."""

    key: str
    """Lower-case letters, digits, `-` and `_`, 8 to 64; the same for the same batch and for no other."""
    format: Format
    origin: str
    """Of the log."""
    region: str
    items: tuple[Item, ...]

    def __post_init__(self) -> None:
        if _KEY.fullmatch(self.key) is None:
            raise ValueError("a batch's key is 8 to 64 lower-case letters, digits, hyphens and underscores")

    @classmethod
    def of(cls, key: str, form: Form, first: int, bodies: Iterable[bytes]) -> Self:
        """Of the entries with these bytes, which stand at `first` and after. Raises LineError."""
        pairs = [(body, form.line(body, seq)) for seq, body in enumerate(bodies, first)]
        return cls.prepared(key, Format(form.name), form.log, pairs)

    @classmethod
    def prepared(cls, key: str, name: Format, log: Log, pairs: Iterable[tuple[bytes, bytes]]) -> Self:
        """Of entries and the lines that were made of them before, as they lie in an export. Raises LineError."""
        items = []
        for body, line in pairs:
            found = Line.of(body, 0, log)
            items.append(Item(found.entry.id, found.entry.time, found.milliseconds, int(found.severity), line))
        return cls(key, name, log.origin, log.region, tuple(items))

    @property
    def content(self) -> bytes:
        """All lines, each with its newline."""
        return b"".join([item.line + b"\n" for item in self.items])

    @property
    def content_type(self) -> str:
        return "text/plain; charset=utf-8" if self.format is Format.CEF else "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class ExportFile:
    """One file of an export that is kept as a whole."""

    name: str
    """Where it is to lie: ids and words of ours, with slashes between them; the same for the same file and for no other."""
    content: IO[bytes]
    """Can be read more than once."""
    size: int
    sha256: str


class Evidence(StrEnum):
    """What an acknowledgement says, weakest first."""

    TAKEN = "taken"
    """The receiver's end of the connection read everything and closed in order. It may still lose it."""
    ACCEPTED = "accepted"
    """The receiver answered that it has it."""
    INDEXED = "indexed"
    """The receiver answered that it can be searched."""
    READ_BACK = "read-back"
    """What is there was read again, and is what was sent."""


@dataclass(frozen=True, slots=True)
class Receipt:
    evidence: Evidence
    sha256: str
    """Of the bytes that were sent as the batch's content, in hexadecimal."""


class Destination(Protocol):
    def send(self, batch: Batch) -> Receipt:
        """Sends the whole batch and returns once it is acknowledged; within a minute. The same batch may be sent any number of
        times, and is the same bytes each time. Blocks: never call it on an event loop or in a transaction.

        Raises TryAgain if it may not have arrived, GiveUp if it never will.
        """
        ...
