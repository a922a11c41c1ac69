"""Compiled databases, kept between processes: compiling hundreds of triggers takes seconds, loading what came of it a millisecond.

They lie in the user's cache folder (`$XDG_CACHE_HOME/bailiwick`, else `~/.cache/bailiwick`), named by what they were made of and
for. They hold expressions of this package and nothing of any text. A folder that another account could write to is not read,
because a database is not checked when it is loaded; where nothing can be kept, every process compiles.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from pathlib import Path
from typing import Final

_DIGEST_BYTES: Final = 32


def recall(made_of: str) -> bytes | None:
    """What was kept under `made_of`; None if nothing was, or if it is damaged."""
    folder = _folder()
    if folder is None:
        return None
    try:
        content = (folder / _name(made_of)).read_bytes()
    except OSError:
        return None
    digest, data = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return data if hashlib.sha256(data).digest() == digest else None


def keep(made_of: str, data: bytes) -> None:
    """Keeps `data` if there is where to; another process finds all of it or nothing."""
    folder = _folder(make=True)
    if folder is None:
        return
    partial = folder / f".{_name(made_of)}.{os.getpid()}"
    with contextlib.suppress(OSError):  # a full disk costs the next process its time and nothing else
        try:
            partial.write_bytes(hashlib.sha256(data).digest() + data)
            partial.replace(folder / _name(made_of))
        finally:
            partial.unlink(missing_ok=True)


def _folder(*, make: bool = False) -> Path | None:
    """Ours alone, or None."""
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(base) / "bailiwick"
        if make:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except (OSError, RuntimeError):  # the latter where an account has no home
        return None
    private = found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return folder if private else None


def _name(made_of: str) -> str:
    return f"redaction-{hashlib.sha256(made_of.encode()).hexdigest()[:32]}"
