"""Whose artifacts an engine runs: a file of public keys."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from compiler.artifact.signature import Verify, ed25519_verifier


def trusted(file: Path) -> Verify:
    """Keys of Ed25519, one a line as 64 hexadecimal digits. Raises OSError, and ValueError for what is no such key."""
    keys = []
    for number, line in enumerate(file.read_text().split(), 1):
        try:
            keys.append(Ed25519PublicKey.from_public_bytes(bytes.fromhex(line)))
        except ValueError as error:
            raise ValueError(f"line {number} is not a public key of Ed25519, 64 hexadecimal digits") from error
    return ed25519_verifier(keys)
