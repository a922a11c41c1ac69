"""Folders for work in the making. What a killed process leaves is removed by the next sweep; what a live one has, never.

Whoever works in a folder holds a lock on a file in it (flock), which the kernel takes back when they die, however they die. A
sweep removes what it can lock.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cell.config import config

LOCK: Final = "lock"
_UNOWNED_S: Final = 86_400.0
"""After which a folder without a lock goes: of a process that died before it had one, or of a release that made none."""


@contextmanager
def scratch(prefix: str, *, root: Path | None = None) -> Iterator[Path]:
    """A folder that nobody else can read, in the cell's home or in `root`; removed at the end. It has a file `lock`.

    Its name begins with `prefix` and a hyphen, and says nothing.
    """
    root = _of_the_cell() if root is None else root
    root.mkdir(mode=0o700, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=root))
    # Locked before it has its name, and to the end: a sweep never meets a lock that a live owner does not hold.
    descriptor = os.open(folder / f".{LOCK}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.rename(folder / f".{LOCK}", folder / LOCK)
        yield folder
    finally:
        try:
            shutil.rmtree(folder)
        finally:
            os.close(descriptor)


def sweep() -> int:
    """Removes from the cell's home what no live process owns. Returns how many folders went. It can run beside itself."""
    # Where a release from before had its folders.
    return sweep_folder(_of_the_cell(), "*") + sweep_folder(config().home, "export-*")


def sweep_folder(root: Path, pattern: str) -> int:
    """As `sweep`, for folders in `root` whose names are like `pattern` and that are this process's account's."""
    gone = 0
    for folder in root.glob(pattern):
        try:
            if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid != os.geteuid():
                continue
            if _is_left(folder):
                shutil.rmtree(folder)
                gone += 1
        except FileNotFoundError:  # its owner or another sweep was quicker
            continue
    return gone


def _is_left(folder: Path) -> bool:
    """Raises FileNotFoundError if the folder is gone."""
    try:
        descriptor = os.open(folder / LOCK, os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return time.time() - folder.stat().st_mtime > _UNOWNED_S
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _of_the_cell() -> Path:
    return config().home / "scratch"
