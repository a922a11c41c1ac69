"""Which web process took a request: its tag is in every request id it makes, and its heartbeat says whether it lives.

Requests that a dead process left without an outcome are found by that tag (`inference.gateway.tasks`), so that no row has to
be written per request to remember who holds it.
"""

from __future__ import annotations

import os
import time
from uuid import UUID

TAG_BITS = 30
_LOW_BITS = 62 - TAG_BITS
_LOW = (1 << _LOW_BITS) - 1


def new_tag() -> int:
    return int.from_bytes(os.urandom(4)) >> (32 - TAG_BITS)


class RequestIds:
    """Makes UUIDv7 numbers (RFC 9562 5.7) whose random part begins with the process's tag: 44 random bits remain."""

    def __init__(self, tag: int) -> None:
        self._fixed = 0x7 << 76 | 0b10 << 62 | tag << _LOW_BITS
        self._random = b""
        self._used = 0

    def new(self) -> UUID:
        if self._used == len(self._random):
            # Randomness by the page: asking the kernel for six bytes costs as much as all the rest of this.
            self._random, self._used = os.urandom(6 * 512), 0
        random = int.from_bytes(self._random[self._used : self._used + 6])
        self._used += 6
        value = (time.time_ns() // 1_000_000 & 0xFFFFFFFFFFFF) << 80 | self._fixed
        return UUID(int=value | (random >> 36) << 64 | random & _LOW)


def tag_bytes(tag: int) -> bytes:
    """The third group of four bytes of every id that the process of this tag makes."""
    return (0b10 << TAG_BITS | tag).to_bytes(4)
