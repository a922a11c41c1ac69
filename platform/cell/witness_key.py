"""The public half of a witness (C2SP tlog-cosignature, Ed25519)."""

from __future__ import annotations

from dataclasses import dataclass

from cell.notes import NamedKey


@dataclass(frozen=True, slots=True)
class WitnessKey(NamedKey):
    TYPE = b"\x04"
    """Of its signatures, too."""
    NOUN = "witness key"
    KIND = "a co-signing Ed25519 key"
