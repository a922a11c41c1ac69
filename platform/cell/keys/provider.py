"""Where the cell's root key lives, and the four things it may do. The root itself never leaves the provider."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cell.notes import Signer

KEY_BYTES = 32
_NONCE_BYTES = 12
_WRAP_VERSION = b"\x01"


class RootKeyError(Exception):
    """The root key is missing, readable by others or malformed; the message says what to do and holds no key."""


class UnwrapError(Exception):
    """The wrapped key was altered, belongs to another place (`context`) or to another root."""


class KeyProvider(Protocol):
    """A cell's root key. Backends differ in where it lives; what they derive is stable for the life of the root."""

    def derive(self, purpose: str) -> bytes:
        """32 bytes that belong to `purpose` alone (HKDF-SHA256, RFC 5869)."""
        ...

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """`key` sealed under the root and bound to `context`, which says where it belongs."""
        ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The key again. Raises UnwrapError."""
        ...

    def note_signer(self, purpose: str, name: str) -> Signer:
        """The Ed25519 signer of `purpose`, under the name that notes will show."""
        ...


class FileKeyProvider:
    """Root key in a file: 64 hexadecimal digits, readable by its owner alone. For embedded cells and development.

    Raises RootKeyError.
    """

    def __init__(self, root_key_file: Path) -> None:
        root = _read_root(root_key_file)
        self._derivation = root
        self._wrapping = AESGCM(_hkdf(root, b"bailiwick/wrap/v1"))

    def derive(self, purpose: str) -> bytes:
        return _hkdf(self._derivation, b"bailiwick/derive/v1/" + purpose.encode())

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return _WRAP_VERSION + seal_key(self._wrapping, key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        if wrapped[:1] != _WRAP_VERSION:
            raise UnwrapError("the wrapped key has an unknown version")
        return open_key(self._wrapping, wrapped[1:], context)

    def note_signer(self, purpose: str, name: str) -> Signer:
        return Signer.from_seed(name, self.derive(f"note-signer/{purpose}"))


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


def _hkdf(root: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(root)


def _read_root(path: Path) -> bytes:
    try:
        # O_NOFOLLOW: a link could lead the check of the mode to one file and the read to another.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise RootKeyError(
            f"The root key {path} cannot be read ({error.strerror}): restore it from its escrow."
        ) from error
    with os.fdopen(descriptor, "rb") as file:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        content = file.read(4096)
    if mode & 0o077:
        raise RootKeyError(f"The root key {path} is open to others (mode {mode:04o}): chmod 0600 it.")
    if re.fullmatch(rb"[0-9a-fA-F]{64}\s*", content) is None:
        raise RootKeyError(f"The root key {path} is not 64 hexadecimal digits: restore it from its escrow.")
    return bytes.fromhex(content.decode())
