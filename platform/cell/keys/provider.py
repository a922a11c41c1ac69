"""What a cell's keys may do, and what can go wrong with them. Nothing here knows where a root key lives."""

from __future__ import annotations

import os
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cell.key_config import RootRef
from cell.notes import Signer

KEY_BYTES = 32
ROOT_ID_BYTES = 8
_NONCE_BYTES = 12


class KeysError(Exception):
    """A key cannot be used; the message says why, and what to do, and holds no key."""


class RootKeyError(KeysError):
    """The root key is missing, readable by others or malformed; the message says what to do and holds no key."""


class UnwrapError(KeysError):
    """The wrapped key was altered, belongs to another place (`context`) or to another root."""


class RootUnavailable(KeysError):
    """What holds the root key does not answer: nothing can be wrapped or unwrapped now. Try again."""


class RootRefused(RootUnavailable):
    """What holds the root key answers, and says no: the key is disabled or destroyed, or the credential is not accepted."""


class Root(Protocol):
    """One key that wraps others and never leaves where it lives. Calls may block on a network: never on an event loop.

    Safe to call from several threads, and after a fork.
    """

    id: bytes
    """`ROOT_ID_BYTES` that stand in what it wrapped and say nothing of the key."""

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """`key` sealed under the root and bound to `context`. Raises RootUnavailable."""
        ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The key again. Raises UnwrapError or RootUnavailable."""
        ...


class KeyProvider(Protocol):
    """A cell's keys. What is derived is stable for the life of the seed, also when the root changes."""

    def derive(self, purpose: str) -> bytes:
        """32 bytes that belong to `purpose` alone (HKDF-SHA256, RFC 5869)."""
        ...

    def seal_secret(self, secret: bytes, context: bytes) -> bytes:
        """`secret` under a derived key, bound to `context`: for what must open without asking the root."""
        ...

    def open_secret(self, sealed: bytes, context: bytes) -> bytes:
        """The secret again. Raises UnwrapError."""
        ...

    def wrap(self, key: bytes, context: bytes, own: RootRef | None = None) -> bytes:
        """`key` sealed under the root, or under the customer's `own` key, and bound to `context`. Raises RootUnavailable."""
        ...

    def unwrap(self, wrapped: bytes, context: bytes, own: RootRef | None = None) -> bytes:
        """The key again. Raises UnwrapError or RootUnavailable."""
        ...

    def note_signer(self, purpose: str, name: str) -> Signer:
        """The Ed25519 signer of `purpose`, under the name that notes will show."""
        ...


def seal_key(wrapping: AESGCM, key: bytes, context: bytes) -> bytes:
    """`key` under `wrapping` (AES-256-GCM): nonce, ciphertext, tag; `context` is authenticated with it."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + wrapping.encrypt(nonce, key, context)


def open_key(wrapping: AESGCM, sealed: bytes, context: bytes) -> bytes:
    """Undoes `seal_key`. Raises UnwrapError."""
    try:
        return wrapping.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
    except (InvalidTag, ValueError) as error:
        raise UnwrapError("the wrapped key was altered, or belongs to another place or root") from error


def hkdf(root: bytes, info: bytes) -> bytes:
    """32 bytes out of a secret, for `info` alone."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(root)
