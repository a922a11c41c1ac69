"""Columns of names: the cells below ``name`` in a table, be it CSV or Markdown.

The scanner finds the column's name, and with it the first cell; `further` reads on from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ..finding import Span
from ..patterns import Pattern, Verified
from ..table import delimiter_of
from ..words.birth import BIRTH
from ..words.phone import PHONE_NAMES
from .fields import PERSONAL, PERSONAL_LABELS, PERSONAL_SIBLINGS, THING_SIBLINGS, plain, value_at
from .person import Person
from .vocabulary import fold, longest_first

SCORE: Final = 0.72
"""The score of names in columns, by which `further` knows them."""
_GENERAL: Final = (
    "name|names|nom|nome|nombre|naam|namn|navn|nimi|vārds|vardas|jméno|meno|név|nume|име|όνομα|ime|ainm|isem|nafn|"
    "customer|kunde|kundin|employee|mitarbeiter|mitarbeiterin|client|cliente|klient|contact|kontakt|owner|author|student|"
    "passenger|applicant|bewerber|reporter|assignee|recipient|empfänger"
)
_LONGEST_ROW: Final = 1024
_LONGEST_NAME: Final = 40
_RULE: Final = re.compile(r"[-+=|: \t]+\Z")
_DATA: Final = re.compile(r"[0-9]{3}|[@.!?]")
_IDENTITIES: Final = ("mail", "iban", "passport", "birth", "ssn", "geb")
_CELL_BEGINS: Final = re.compile(r"[ \t]{0,3}[\"']?")


def _verify(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    label = end - 2  # the last character of the name, or a quote or a space after it
    row = shadow.rfind("\n", max(0, label - _LONGEST_ROW), label) + 1
    stop = shadow.find("\n", label, label + _LONGEST_ROW)
    if stop < 0:
        return None
    header = shadow[row:stop].rstrip("\r")
    delimiter = delimiter_of(header)
    cells = header.split(delimiter) if delimiter else []
    names = [name for cell in cells if (name := _bare(cell))]
    if len(names) < 2 or any(len(name) > _LONGEST_NAME or _DATA.search(name) for name in names):
        return None
    column = header.count(delimiter, 0, label - row + 1)
    first = next(_rows(shadow, stop + 1, delimiter, len(cells)), None)
    person = None if first is None else _cell(shadow, first, delimiter, column)
    if person is None:
        return None
    others = {plain(name) for place, name in enumerate(cells) if place != column}
    personal = plain(_bare(cells[column])) in PERSONAL_LABELS or _of_persons(others, header)
    if not personal and (others & THING_SIBLINGS or person.words < 2):
        return None
    return person.start, person.end, SCORE


def _of_persons(names: set[str], header: str) -> bool:
    """Whether the other columns are what only persons have."""
    personal = bool(names & PERSONAL_SIBLINGS) or any(identity in name for name in names for identity in _IDENTITIES)
    return personal or PHONE_NAMES.among(header) or BIRTH.among(header)


def _rows(shadow: str, start: int, delimiter: str, cells: int) -> Iterator[int]:
    """Where the rows begin that follow one another from `start` and have as many cells."""
    while start < len(shadow):
        stop = shadow.find("\n", start, start + _LONGEST_ROW)
        if stop < 0:
            stop = min(len(shadow), start + _LONGEST_ROW)
        if not _RULE.match(shadow[start:stop].rstrip("\r")):
            if shadow.count(delimiter, start, stop) != cells - 1:
                return
            yield start
        start = stop + 1


def _cell(shadow: str, row: int, delimiter: str, column: int) -> Person | None:
    """The name that fills the cell in the `column` of a row."""
    place = row
    for _ in range(column):
        place = shadow.find(delimiter, place) + 1
    begins = _CELL_BEGINS.match(shadow, place)
    return value_at(shadow, begins.end() if begins else place)


def further(shadow: str, spans: Sequence[Span]) -> Iterator[Span]:
    """The other names in the tables that the scanner found a first one in: all rows of its column, and of others that only persons'
    names fill (the scanner says nothing more of what is above the end of what it found)."""
    done = -1
    for start, _, kind, score, _ in spans:
        if kind != "NAME" or score != SCORE or start < done:
            continue
        row = shadow.rfind("\n", 0, start) + 1
        above = shadow[max(0, row - 2 * _LONGEST_ROW) : row].rstrip("\r\n").split("\n")
        header = next((line for line in reversed(above) if not _RULE.match(line.rstrip("\r"))), "")
        delimiter = delimiter_of(header)
        if not delimiter:
            continue
        found = shadow.count(delimiter, row, start)
        names = header.rstrip("\r").split(delimiter)
        columns = [place for place, name in enumerate(names) if place == found or plain(_bare(name)) in PERSONAL_LABELS]
        for begin in _rows(shadow, row, delimiter, len(names)):
            done = begin
            for column in columns:
                person = _cell(shadow, begin, delimiter, column)
                if person is not None and person.start != start:
                    yield person.start, person.end, "NAME", SCORE, "cues"


def _bare(cell: str) -> str:
    return cell.strip(" \t\"'")


def _labels() -> str:
    labels = sorted(set(fold(PERSONAL)) | set(fold(_GENERAL)), key=longest_first)
    return "|".join(re.escape(label).replace(r"\ ", "[ _-]?") for label in labels)


PATTERNS: Final = (
    Pattern(
        "name-column",
        "NAME",
        rf"(?:^|[\n\t;|,])[ \"']{{0,2}}(?i:{_labels()})[ \"']{{0,2}}[\t;|,\r\n]",
        _verify,
        start_known=False,
        layer="cues",
    ),
)
