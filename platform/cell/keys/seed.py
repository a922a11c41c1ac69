"""The seed file: the secret that everything derived comes from, sealed under the root, so that a new root changes none of it.

Two lines, ``bailiwick-seed/v1`` and the sealed seed in base64 (docs/formats/wrapped-key.md). Useless without the root.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence
from pathlib import Path

from cell.durable import sync_folder
from cell.keys.file_root import FileRoot
from cell.keys.provider import KEY_BYTES, Root, RootKeyError, UnwrapError
from cell.keys.rooted import RootedKeys

_HEADING = "bailiwick-seed/v1"
_CONTEXT = b"bailiwick/seed/v1"
_NO_SEED = bytes(KEY_BYTES)


class SeedExists(RootKeyError):
    """There is a seed already: making another one would change every derived key of the cell."""


def read_seed(path: Path, roots: Sequence[Root]) -> bytes:
    """The seed in `path`, opened by whichever of `roots` sealed it. Raises RootKeyError or RootUnavailable."""
    try:
        return _opener(roots).unwrap(_sealed(path), _CONTEXT)
    except UnwrapError as error:
        raise RootKeyError(f"The seed {path} does not open: {error}.") from error


def make_seed(path: Path, roots: Sequence[Root]) -> None:
    """Makes the seed file under ``roots[0]``, the root of today. A cell that had a root in a file keeps what it derived from it.

    Raises SeedExists, RootKeyError or RootUnavailable.
    """
    if path.exists():
        raise SeedExists(f"There is a seed in {path} already; another one would change every key derived from it.")
    oldest = next((root for root in reversed(roots) if isinstance(root, FileRoot)), None)
    _write(path, _opener(roots).wrap(os.urandom(KEY_BYTES) if oldest is None else oldest.seed, _CONTEXT))


def reseal_seed(path: Path, roots: Sequence[Root]) -> bool:
    """Seals the seed under ``roots[0]``, if another root did. Returns whether it had to. Raises as `read_seed`."""
    keys = _opener(roots)
    if keys.is_current(_sealed(path)):
        return False
    _write(path, keys.wrap(read_seed(path, roots), _CONTEXT))
    return True


def _opener(roots: Sequence[Root]) -> RootedKeys:
    return RootedKeys(roots[0], _NO_SEED, previous=roots[1:])


def _sealed(path: Path) -> bytes:
    try:
        heading, sealed = path.read_text().split()
        if heading == _HEADING:
            return base64.b64decode(sealed, validate=True)
    except FileNotFoundError as error:
        raise RootKeyError(
            f"There is no seed in {path}: restore it, or for a new cell run `bailiwick keys init`."
        ) from error
    except OSError as error:
        raise RootKeyError(f"The seed {path} cannot be read ({error.strerror}).") from error
    except (ValueError, binascii.Error) as error:
        raise RootKeyError(f"The seed {path} is malformed: restore it.") from error
    raise RootKeyError(f"The seed {path} is not of a version that this release reads.")


def _write(path: Path, sealed: bytes) -> None:
    """All of it or nothing: without its seed a cell does not start."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{_HEADING}\n{base64.b64encode(sealed).decode()}\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)
