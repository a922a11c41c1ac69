"""The public half of a witness (C2SP tlog-cosignature, Ed25519). Needs nothing but Python."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Self

from cell.notes import MalformedNote, checked_name, decoded

COSIGNATURE_V1 = b"\x04"
"""The type of such a key, and of its signatures."""


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """As people exchange it: ``<name>+<8 hex digits>+<base64 of 0x04 and the 32-byte public key>``."""

    name: str
    public_key: bytes

    @property
    def hash(self) -> bytes:
        """The 4 bytes that say in a note which key of this name co-signed."""
        return hashlib.sha256(self.name.encode() + b"\n" + COSIGNATURE_V1 + self.public_key).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.hash.hex()}+{base64.b64encode(COSIGNATURE_V1 + self.public_key).decode()}"

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Raises MalformedNote if `vkey` is not a witness's key or its hash is not that of its key."""
        name, _, rest = vkey.strip().partition("+")
        hash_, _, encoded = rest.partition("+")
        raw = decoded(encoded)
        if raw is None or len(raw) != 33 or raw[:1] != COSIGNATURE_V1:
            raise MalformedNote("a witness's key looks like name+hash+key, with a co-signing Ed25519 key")
        parsed = cls(checked_name(name), raw[1:])
        if parsed.hash.hex() != hash_:
            raise MalformedNote("the witness's key has a hash that is not of its name and key: mistyped or altered")
        return parsed
