"""Tables in a text: comma, semicolon, tab or bar between cells, one row a line, names in the first row."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from .generic import tells
from .statement import Statements

_DELIMITERS: Final = "\t;|,"
_LONGEST_ROW: Final = 4096
"""Characters before and after a value in which its row must begin and end."""
_LONGEST_NAME: Final = 48
_RULE: Final = re.compile(r"[-+=|: \t]*\Z")
"""The line under a Markdown table's names, or between the rows of a drawn one."""
_DATA: Final = re.compile(r"[0-9]{3}|@")
"""What no name of a column holds."""
_SENTENCE: Final = re.compile(r"[.!?] |[.!?]\Z")


def delimiter_of(row: str) -> str:
    """What stands between the cells of a row; nothing if it has one cell."""
    return next((mark for mark in _DELIMITERS if mark in row), "")


class Cell(NamedTuple):
    """A cell that begins at `start` in the row that begins at `row`. `names` are its column's name and the row's first cell if that
    is a word; `telling` says that the column's name says more than "value"."""

    names: str
    telling: bool
    row: int
    start: int


class _Block(NamedTuple):
    """Rows with the same number (`delimiters`) of `delimiter`: ``shadow[start:end]``. `names` are the cells of the first and
    whether they tell, None if they are no names."""

    start: int
    end: int
    delimiter: str
    delimiters: int
    names: tuple[tuple[str, bool], ...] | None


class Tables:
    """The tables of one shadow, found as values ask for them.

    The block of rows that was found last is kept and grows with the next value's row, so that a table is walked through once
    however many values are in it.
    """

    __slots__ = ("_block", "_row", "statements")

    def __init__(self) -> None:
        self.statements = Statements()
        """Those that fill the tables of a database."""
        self._block: _Block | None = None
        self._row: tuple[int, int, str] = (-1, -1, "")
        """Start and end of the line that was asked about last, and its first cell if that is a word."""

    def cell(self, shadow: str, start: int) -> Cell | None:
        """The cell that holds `start`; None outside a table, and in its first row."""
        if not self._row[0] <= start < self._row[1]:
            self._enter(shadow, start)
        row_start, _, label = self._row
        block = self._block
        if block is None or block.names is None or not block.start < row_start < block.end:
            return None
        column = _count(shadow, row_start, start, block.delimiter)
        if column >= len(block.names):
            return None
        name, telling = block.names[column]
        is_first = column == 0 or (column == 1 and shadow[row_start] == "|")
        names = name if is_first or not label else f"{name} {label}"
        return Cell(names, telling, row_start, max(row_start, shadow.rfind(block.delimiter, row_start, start) + 1))

    def _enter(self, shadow: str, start: int) -> None:
        """Makes the line that holds `start` the current row."""
        row_start, row_end = _row(shadow, start)
        self._row = (row_start, row_end, "")
        if row_start < 0:
            return
        block = self._block
        if block is None or not block.start <= row_start < block.end:
            block = self._block = self._find(shadow, row_start, row_end)
        if block is not None and block.names is not None:
            first = _cells(shadow[row_start : min(row_end, row_start + _LONGEST_NAME)].strip("| \t"), block.delimiter)[
                0
            ]
            self._row = (row_start, row_end, first if first[:1].isalpha() else "")

    def _find(self, shadow: str, row_start: int, row_end: int) -> _Block | None:
        known = self._block
        row = shadow[row_start:row_end]
        delimiter = delimiter_of(row)
        if not delimiter:
            return known
        if known is not None and known.end <= row_start:
            grown = _grow(shadow, known, row_start, row_end)
            if grown is not None:
                return grown
        count = _count(shadow, row_start, row_end, delimiter)
        first, top = row_start, row_start
        while top > 0:
            above = shadow.rfind("\n", max(0, top - 1 - _LONGEST_ROW), top - 1) + 1
            if above == 0 and top - 1 > _LONGEST_ROW:
                break
            if _is_row(shadow, above, top - 1, delimiter, count):
                first = above
            elif not _is_rule(shadow, above, top - 1):
                break
            top = above
        return _Block(first, row_end + 1, delimiter, count, _header(shadow, first, row_start, delimiter))


def _grow(shadow: str, block: _Block, row_start: int, row_end: int) -> _Block | None:
    """`block` with the rows down to the one at `row_start`, or None where another line is between."""
    line = block.end
    while line < row_start:
        stop = shadow.find("\n", line, line + _LONGEST_ROW)
        if stop < 0 or not (
            _is_row(shadow, line, stop, block.delimiter, block.delimiters) or _is_rule(shadow, line, stop)
        ):
            return None
        line = stop + 1
    return (
        block._replace(end=row_end + 1)
        if _is_row(shadow, row_start, row_end, block.delimiter, block.delimiters)
        else None
    )


def _row(shadow: str, start: int) -> tuple[int, int]:
    """The line that holds `start`; -1 for both where it is too long for a row of a table, or the first of the text."""
    above = shadow.rfind("\n", max(0, start - _LONGEST_ROW), start)
    below = shadow.find("\n", start, start + _LONGEST_ROW)
    if above < 0 or (below < 0 and len(shadow) - start > _LONGEST_ROW):
        return -1, -1
    return above + 1, below if below >= 0 else len(shadow)


def _is_row(shadow: str, start: int, end: int, delimiter: str, count: int) -> bool:
    return _count(shadow, start, end, delimiter) == count


def _is_rule(shadow: str, start: int, end: int) -> bool:
    return end - start >= 3 and shadow[start] in "-+=|:" and _RULE.match(shadow, start, end) is not None


def _count(shadow: str, start: int, end: int, delimiter: str) -> int:
    """How many delimiters are in ``shadow[start:end]``, those in quoted cells aside."""
    if shadow.find('"', start, end) < 0:
        return shadow.count(delimiter, start, end)
    return sum(part.count(delimiter) for part in shadow[start:end].split('"')[::2])


def _cells(row: str, delimiter: str) -> list[str]:
    if '"' not in row:
        return [cell.strip() for cell in row.split(delimiter)]
    quoted = row.split('"')
    quoted[1::2] = [part.replace(delimiter, " ") for part in quoted[1::2]]
    return [cell.strip() for cell in "".join(quoted).split(delimiter)]


def _header(shadow: str, start: int, row_start: int, delimiter: str) -> tuple[tuple[str, bool], ...] | None:
    """The names in the row at `start`; None where it is the value's own, or its cells are data or parts of a sentence."""
    if start >= row_start:
        return None
    stop = shadow.find("\n", start)
    cells = _cells(shadow[start:stop].rstrip("\r"), delimiter)
    filled = [cell for cell in cells if cell]
    named = [cell for cell in filled if any(map(str.isalpha, cell))]
    if not named or len(named) < len(filled) or any(len(cell) > _LONGEST_NAME for cell in filled):
        return None
    if any(_DATA.search(cell) for cell in filled):
        return None
    if any(_SENTENCE.search(cell) and cell.count(" ") > 2 for cell in filled):
        return None
    return tuple((cell, tells(cell)) for cell in cells)
