"""The cell's keys: one root, everything else derived from a seed or wrapped under the root."""

from __future__ import annotations

from functools import cache

from cell.config import config
from cell.key_config import KeyConfig, RootRef
from cell.keys.file_root import FileRoot
from cell.keys.provider import (
    KeyProvider,
    KeysError,
    Root,
    RootKeyError,
    RootRefused,
    RootUnavailable,
    UnwrapError,
)
from cell.keys.rooted import RootedKeys, root_id
from cell.keys.roots import open_root
from cell.keys.seed import read_seed

__all__ = [
    "FileRoot",
    "KeyProvider",
    "KeysError",
    "Root",
    "RootKeyError",
    "RootRefused",
    "RootUnavailable",
    "RootedKeys",
    "UnwrapError",
    "cell_keys",
    "cell_roots",
    "open_keys",
    "root_id",
]


@cache
def cell_keys() -> RootedKeys:
    """The keys of this process's cell. Raises RootKeyError, or RootUnavailable if what holds the root does not answer."""
    return open_keys(config().keys)


def cell_roots(keys: KeyConfig) -> list[Root]:
    """The root of today, then those before it, newest first. Raises RootKeyError."""
    return [open_root(ref, keys) for ref in (keys.root, *keys.previous)]


def open_keys(keys: KeyConfig) -> RootedKeys:
    """As `cell_keys`, for a configuration that is not this process's own."""
    roots = cell_roots(keys)
    if keys.seed_file is not None:
        seed = read_seed(keys.seed_file, roots)
    elif isinstance(roots[0], FileRoot):
        seed = roots[0].seed
    else:
        raise RootKeyError("BAILIWICK_SEED_FILE is not set, and this root cannot be derived from.")

    def own(ref: RootRef) -> Root:
        return open_root(ref, keys)

    return RootedKeys(roots[0], seed, previous=roots[1:], own=own)
