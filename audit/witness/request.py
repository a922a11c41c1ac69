"""What a log sends to a witness (C2SP tlog-witness, add-checkpoint): its old size, a consistency proof and a checkpoint."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from audit.checkpoint import decode, encode
from audit.merkle import HASH_BYTES

_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_LONGEST_PROOF = 63
LARGEST = 128 << 10
"""Bytes of a request, at most."""


class MalformedRequest(ValueError):
    """Not an add-checkpoint request. Never repeats what is in it."""


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    old: int
    """Size of the tree that the witness co-signed last, as the log believes."""
    proof: tuple[bytes, ...]
    """From that tree to the checkpoint's: 32-byte hashes, lowest first (RFC 6962, section 2.1.2)."""
    note: str
    """The checkpoint, signed."""

    def to_bytes(self) -> bytes:
        return (f"old {self.old}\n" + "".join(f"{encode(item)}\n" for item in self.proof) + f"\n{self.note}").encode()

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Raises MalformedRequest."""
        try:
            head, separator, note = body.decode().partition("\n\n")
        except UnicodeDecodeError:
            raise MalformedRequest("the request is not text") from None
        first, *lines = head.split("\n")
        old = _OLD.fullmatch(first)
        if old is None or not separator:
            raise MalformedRequest("the request is not an old size, a proof, an empty line and a checkpoint")
        proof = [raw for line in lines if (raw := decode(line)) is not None and len(raw) == HASH_BYTES]
        if len(proof) != len(lines) or len(proof) > _LONGEST_PROOF:
            raise MalformedRequest("the proof is not made of at most 63 base64 hashes of 32 bytes")
        return cls(int(old[1]), tuple(proof), note)
