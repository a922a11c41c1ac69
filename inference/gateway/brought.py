"""Folders that are brought from the object store: whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath


def brought(target: Path, bring: Callable[[Path], None]) -> Path:
    """`target`, with what `bring` writes to a folder of another name, or what a quicker process has put there. When `bring` raises,
    nothing is left."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        bring(partial)
        try:
            partial.rename(target)
        except OSError:
            if not target.is_dir():  # another process was quicker
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def leaves(name: str) -> bool:
    """Whether a file of that name could lie outside of the folder that it is of."""
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts
