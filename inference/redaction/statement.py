"""SQL as structure: the column of a value in ``INSERT INTO people (name, phone) VALUES ('…', '…'), ('…', '…')``, in any row."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final, NamedTuple

from .generic import tells

_INSERT: Final = re.compile(
    r"(?:insert(?:\s+or\s+[a-z]+|\s+ignore)?|replace)\s+into\s+[\w.\"`\[\]$-]{1,128}\s*\(([^()]{1,2048})\)\s*values\s*(?=\()",
    re.IGNORECASE,
)
_VALUES: Final = ("VALUES", "values", "Values")
_NEXT_ROW: Final = re.compile(r"\)\s*,\s*\(")
_CALL: Final = re.compile(r"\([^()]*\)")
_LONGEST_ROW: Final = 4096
"""Characters before a value in which its row must begin."""
_QUOTES: Final = '"`[] \t\r\n'


class Column(NamedTuple):
    """What a value's column is called, whether that says more than "value", and the offset from which the text is its own."""

    name: str
    telling: bool
    start: int


class Statements:
    """The INSERT statements of one shadow, found when the first value asks."""

    __slots__ = ("_columns", "_ends")

    def __init__(self) -> None:
        self._ends: list[int] | None = None
        """Where the head of each statement ends and its rows begin."""
        self._columns: list[tuple[str, ...]] = []

    def column(self, shadow: str, start: int) -> Column | None:
        """The column that the value at `start` fills; None outside such a statement."""
        if self._ends is None:
            self._find(shadow)
        if not self._ends:
            return None
        head = bisect_right(self._ends, start) - 1
        return None if head < 0 else _column(shadow, self._ends[head], start, self._columns[head])

    def _find(self, shadow: str) -> None:
        heads = list(_INSERT.finditer(shadow)) if any(word in shadow for word in _VALUES) else []
        self._ends = [head.end() for head in heads]
        self._columns = [tuple(name.strip(_QUOTES) for name in head.group(1).split(",")) for head in heads]


def _column(shadow: str, rows: int, start: int, columns: tuple[str, ...]) -> Column | None:
    first = max(rows, start - _LONGEST_ROW)
    row = rows + 1 if first == rows else -1
    for following in _NEXT_ROW.finditer(shadow, first, start):
        row = following.end()
    if row < 0 or row > start:
        return None
    # Every second piece is outside quotes; a doubled quote inside them leaves an empty one.
    bare = _CALL.sub("", "'".join(shadow[row:start].split("'")[::2]))
    place = bare.count(",")
    if ")" in bare or ";" in bare or place >= len(columns) or not columns[place]:
        return None
    own = max(row, shadow.rfind(",", row, start) + 1)
    return Column(columns[place], tells(columns[place]), own)
