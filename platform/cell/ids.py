"""Tagged ids: ``<tag>_<cell>_<32 hex digits>``, e.g. ``ws_eude1_0198c1f2…``.

The number is a UUIDv7 (RFC 9562 5.7): ids made later sort later, so indexes stay compact and pages are in time order. The
cell code is part of every id, so a request that reached the wrong cell is known as such without a look-up.
"""

from __future__ import annotations

import os
import re
import time
from enum import StrEnum
from uuid import UUID


class Tag(StrEnum):
    ORGANIZATION = "org"
    WORKSPACE = "ws"
    MEMBER = "mem"
    KEY = "key"
    REQUEST = "req"
    ENTRY = "ent"
    ERASURE = "ers"
    HOLD = "hold"
    EXPORT = "exp"
    SCHEDULE = "sch"
    DELIVERY = "dlv"
    JOB = "job"


class MalformedId(ValueError):
    """Not an id of the expected kind. The message never repeats the text, which may be anything."""


class ForeignId(ValueError):
    """A well-formed id of another cell, whose code is in `cell`."""

    def __init__(self, cell: str) -> None:
        super().__init__(f"the id belongs to cell {cell}")
        self.cell = cell


CELL_CODE = r"[a-z][a-z0-9]{1,15}"
_ID = re.compile(rf"([a-z]{{2,4}})_({CELL_CODE})_([0-9a-f]{{32}})")

_RANDOM_BITS = (1 << 62) - 1


def uuid7() -> UUID:
    """A new UUIDv7: 48 bits of Unix milliseconds, then 74 random bits."""
    random = int.from_bytes(os.urandom(10), "big")
    value = (time.time_ns() // 1_000_000 & 0xFFFFFFFFFFFF) << 80
    value |= 0x7 << 76 | (random >> 62 & 0xFFF) << 64
    value |= 0b10 << 62 | random & _RANDOM_BITS
    return UUID(int=value)


def earliest(at: float) -> UUID:
    """The lowest UUIDv7 of the moment `at` (Unix seconds): where a search by time begins."""
    return UUID(int=int(at * 1000) << 80 | 0x7 << 76 | 0b10 << 62)


def tagged(tag: Tag, cell: str, number: UUID) -> str:
    return f"{tag.value}_{cell}_{number.hex}"


def untag(text: str, tag: Tag, cell: str) -> UUID:
    """The number in `text`. Raises MalformedId, or ForeignId if it is an id of another cell."""
    match = _ID.fullmatch(text)
    if match is None or match[1] != tag.value:
        raise MalformedId(f"expected an id like {tag.value}_{cell}_… followed by 32 hexadecimal digits")
    if match[2] != cell:
        raise ForeignId(match[2])
    return UUID(hex=match[3])


def cell_of(text: str) -> str | None:
    """The cell code inside `text` if it has the form of a tagged id of any kind."""
    match = _ID.fullmatch(text)
    return match[2] if match else None
