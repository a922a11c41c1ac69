"""Co-signatures (C2SP tlog-cosignature, Ed25519): a witness has seen this checkpoint, and at this time the log had only grown.

Needs Python and `cryptography`.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cell.notes import NoteError, VerifierKey, checked_name, split
from cell.witness_key import WitnessKey

_TIME = struct.Struct(">Q")
_BYTES = _TIME.size + 64
_LATEST = 1 << 37
"""Seconds: the year 6325. A later time is a number that nobody's calendar holds."""


class BadCosignature(NoteError):
    """A witness that we trust is named under a checkpoint and did not co-sign it."""


class Witness:
    """A private key under a name. The seed never leaves it."""

    __slots__ = ("_key", "key")

    def __init__(self, name: str, seed: bytes) -> None:
        """`seed` is the 32-byte Ed25519 private key of RFC 8032."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = WitnessKey(checked_name(name), self._key.public_key().public_bytes_raw())

    def cosign(self, text: str, at: int) -> str:
        """The line, with its newline, that says `text` was the largest consistent checkpoint seen at `at` (s since 1970)."""
        signature = self.key.hash + _TIME.pack(at) + self._key.sign(_message(text, at))
        return f"— {self.key.name} {base64.b64encode(signature).decode()}\n"

    def __repr__(self) -> str:
        return f"Witness({self.key})"


def cosigned(note: str, witnesses: Sequence[WitnessKey]) -> dict[WitnessKey, int]:
    """Which of `witnesses` co-signed the checkpoint `note`, and when (s since 1970, the latest if it did twice).

    Lines of others are ignored. Raises MalformedNote, or BadCosignature if a line claims to be of one of them and is not.
    """
    text, signatures = split(note)
    trusted = {(witness.name, witness.hash): witness for witness in witnesses}
    times: dict[WitnessKey, int] = {}
    for name, hash_, signature in signatures:
        witness = trusted.get((name, hash_))
        if witness is None:
            continue
        at = _TIME.unpack(signature[: _TIME.size])[0] if len(signature) == _BYTES else 0
        key = VerifierKey(witness.name, witness.public_key)
        if not 0 < at < _LATEST or not key.accepts(signature[_TIME.size :], _message(text, at).decode()):
            raise BadCosignature(f"the co-signature of {name} is not over this checkpoint: it was altered")
        times[witness] = max(at, times.get(witness, 0))
    return times


def _message(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()
