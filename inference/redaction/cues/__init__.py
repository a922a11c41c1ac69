"""Cues: what tells a name or an address without any list of them. One module a kind of cue, each a table of patterns."""

from __future__ import annotations

from typing import Final

from ..patterns import Pattern
from . import address, columns, fields, introductions, letters, titles

CUES: Final[tuple[Pattern, ...]] = (
    *titles.PATTERNS,
    *letters.PATTERNS,
    *introductions.PATTERNS,
    *fields.PATTERNS,
    *columns.PATTERNS,
    *address.PATTERNS,
)

__all__ = ["CUES"]
