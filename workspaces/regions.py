"""The regions that people may choose from, and which of them is this one."""

from __future__ import annotations

from functools import cache

from cell.config import config
from cell.regions import Directory, Region


@cache
def directory() -> Directory:
    """The signed directory of regions, read and checked once. Raises DirectoryError."""
    return Directory.load(config().cells_file, config().cells_vkey)


def own_region() -> Region:
    """This cell's entry. Raises LookupError if the directory does not have it, which the start guard rules out."""
    return directory().by_code(config().cell)
