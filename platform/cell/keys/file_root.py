"""A root key in a file: 64 hexadecimal digits, readable by its owner alone. For embedded cells and small ones."""

from __future__ import annotations

import re
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cell.keys.private_file import read_private
from cell.keys.provider import ROOT_ID_BYTES, RootKeyError, hkdf, open_key, seal_key


class FileRoot:
    """Raises RootKeyError."""

    def __init__(self, path: Path) -> None:
        content = read_private(path, "root key")
        if re.fullmatch(rb"[0-9a-fA-F]{64}\s*", content) is None:
            raise RootKeyError(f"The root key {path} is not 64 hexadecimal digits: restore it from its escrow.")
        self.seed = bytes.fromhex(content.decode())
        """What a cell derives from where it has no seed of its own: the root itself."""
        self.id = hkdf(self.seed, b"bailiwick/root-id/v1")[:ROOT_ID_BYTES]
        self._wrapping = AESGCM(hkdf(self.seed, b"bailiwick/root-wrap/v2"))

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return seal_key(self._wrapping, key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        return open_key(self._wrapping, wrapped, context)
