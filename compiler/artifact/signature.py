"""Signatures over manifests, by keys that somebody else keeps: here are only the two calls that are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Sign = Callable[[bytes], bytes]
"""From a message to its signature."""
Verify = Callable[[bytes, bytes], bool]
"""Whether the message, first, has this signature of a trusted key."""

_CONTEXT = b"bailiwick-artifact/1\n"


def message(manifest: bytes) -> bytes:
    """What is signed: a signature of something else of the same key is none of an artifact."""
    return _CONTEXT + manifest


def ed25519_signer(key: Ed25519PrivateKey) -> Sign:
    return key.sign


def ed25519_verifier(keys: Iterable[Ed25519PublicKey]) -> Verify:
    """By any of `keys`: while a key is changed there are two."""
    trusted = tuple(keys)

    def verify(signed: bytes, signature: bytes) -> bool:
        return any(_verifies(key, signed, signature) for key in trusted)

    return verify


def _verifies(key: Ed25519PublicKey, signed: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True
