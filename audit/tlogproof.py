"""Proof files (C2SP tlog-proof v1, https://c2sp.org/tlog-proof): one entry is in one log, for somebody who is offline.

The extra line, which the specification leaves to the application, holds the entry's bytes, so that the file shows what it
proves; nothing is believed that the proof does not lead from. Needs only Python.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from audit.checkpoint import decode, encode
from audit.merkle import HASH_BYTES

_HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")
_LONGEST_PATH = 63


class MalformedProof(ValueError):
    """Not a proof file of version 1. Never repeats what is in it."""


@dataclass(frozen=True, slots=True)
class TlogProof:
    index: int
    """The entry's place in the log, from 0."""
    path: tuple[bytes, ...]
    """The inclusion proof: 32-byte hashes, lowest first (RFC 6962, section 2.1.1)."""
    checkpoint: str
    """The signed note that the path leads to, as the log gave it."""
    extra: bytes | None = None
    """The entry's bytes; None if they come another way."""

    def to_text(self) -> str:
        extra = "" if self.extra is None else f"extra {encode(self.extra)}\n"
        path = "".join(f"{encode(item)}\n" for item in self.path)
        return f"{_HEADER}\n{extra}index {self.index}\n{path}\n{self.checkpoint}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads the one spelling of each proof and no other. Raises MalformedProof."""
        head, separator, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if not separator or lines.pop(0) != _HEADER:
            raise MalformedProof("this is no proof file of version 1")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = decode(lines.pop(0).removeprefix("extra "))
            if not extra:
                raise MalformedProof("the proof's extra line is not base64")
        index = _INDEX.fullmatch(lines.pop(0)) if lines else None
        if index is None:
            raise MalformedProof("the proof does not say which entry it is of")
        path = [raw for line in lines if (raw := decode(line)) is not None and len(raw) == HASH_BYTES]
        if len(path) != len(lines) or len(path) > _LONGEST_PATH:
            raise MalformedProof("the proof is not made of at most 63 base64 hashes of 32 bytes")
        return cls(int(index[1]), tuple(path), checkpoint, extra)
