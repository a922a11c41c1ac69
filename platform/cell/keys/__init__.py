"""The cell's keys: one root, everything else derived from it or wrapped under it."""

from __future__ import annotations

from functools import cache

from cell.config import config
from cell.keys.provider import FileKeyProvider, KeyProvider, RootKeyError, UnwrapError

__all__ = ["FileKeyProvider", "KeyProvider", "RootKeyError", "UnwrapError", "cell_keys"]


@cache
def cell_keys() -> KeyProvider:
    """The key provider of this process's cell. Raises RootKeyError if the root key cannot be used."""
    return FileKeyProvider(config().root_key_file)
