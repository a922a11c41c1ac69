r"""Structure as context: what a value is called by the text around it, where that text is data rather than prose.

``place`` answers for JSON (the key, also of an enclosing array or object, also escaped in a string), ``name: value`` and
``name=value`` (forms, headers, YAML), XML and HTML (tag and attributes), SQL's INSERT (the column) and tables (CSV, TSV,
semicolons, Markdown: the cell of the first row in the same column, and the first cell of the row).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from .generic import tells
from .table import Tables

REACH: Final = 512
"""Characters before a value in which its JSON keys or its tag may stand. A table's first row may be any distance away."""
_KEYS: Final = 3
"""How many enclosing keys name a value: ``{"passport": {"numbers": ["…"]}}`` needs two."""
_SPACE: Final = " \t\r\n\\"
_BRACKET: Final = re.compile(r"[][{}]")
_BARE: Final = re.compile(r"\s*:\s*(?:\[[^\]{}\"']*|-?)\Z")
"""Between a key's closing quote and a value that is not a string, or the numbers before it in an array."""
_LAST_WORD: Final = re.compile(r"[\w.$-]{1,64}\Z")
_FIELD: Final = re.compile(
    r"(?:^|[\n\t,;|&?{(<])[ \t>*_-]*([^\n\t,;|&?{(<:=]{1,40})[:=][ \t*_]*[^\n\t,;|&:=<>]{0,64}\Z"
)
_TAG: Final = re.compile(r"<([A-Za-z][^<>]{0,200})>[^<>]*\Z")
_OTHERWISE: Final = re.compile(r"[\"'<:=]")
"""What a row has where it may be something else than a row."""
_MOST_WORDS: Final = 5
"""Words of a field's name; what is longer is a sentence with a colon in it."""


class Place(NamedTuple):
    """Where a value stands. `names` are those it is enclosed in and its own, "" in prose; `scope` is the offset from which the
    text before the value belongs to it and to nothing else; `telling` says that its own name says more than "value"."""

    names: str
    scope: int
    telling: bool


_PROSE: Final = Place("", 0, False)


def place(shadow: str, start: int, tables: Tables) -> Place:
    """The place of the value that begins at `start`. `tables` are those of this shadow."""
    cell = tables.cell(shadow, start)
    if cell is not None and not _OTHERWISE.search(shadow, cell.row, start):
        return Place(cell.names, cell.start, cell.telling)
    column = tables.statements.column(shadow, start)
    if column is not None:
        return Place(column.name, column.start, column.telling)
    floor = max(0, start - REACH)
    before = shadow[floor:start]
    found = _in_json(before) or _in_field(before)
    if found is not None:
        names, scope = found
        return Place(" ".join(reversed(names)), floor + scope, tells(names[0]))
    tag = _in_markup(before)
    if tag is not None:
        return Place(tag.group(1), floor + tag.end(1) + 1, tells(tag.group(1).partition(" ")[0]))
    return _PROSE if cell is None else Place(cell.names, cell.start, cell.telling)


def _in_json(before: str) -> tuple[list[str], int] | None:
    quote = _last_quote(before)
    if quote < 0:
        return None
    opening = before[:quote].rstrip(_SPACE)
    if opening.endswith((":", "=", "[", ",", "{")):
        names = _keys(opening)
        return (names, quote + 1) if names else None
    bare = _BARE.match(before, quote + 1)
    if bare is None:
        return None
    names = _keys(before[: quote + 1] + ":")
    return (names, quote + 1) if names else None


def _last_quote(before: str) -> int:
    """The last quotation mark in `before` that is not an apostrophe, or -1."""
    place = len(before)
    for _ in range(4):
        place = max(before.rfind('"', 0, place), before.rfind("'", 0, place))
        if place < 0 or not (before[place - 1 : place].isalnum() and before[place + 1 : place + 2].isalpha()):
            return place
    return -1


def _keys(text: str) -> list[str]:
    """The keys that `text` ends in, the innermost first: ``{"a": {"b": ["x", `` has b and a."""
    names: list[str] = []
    for _ in range(2 * _KEYS):
        text = text.rstrip(_SPACE)
        if text.endswith((":", "=")):
            name, text = _key(text[:-1].rstrip(_SPACE))
            if not name:
                break
            names.append(name)
        opener = _opener(text)
        if opener < 0 or len(names) == _KEYS:
            break
        text = text[:opener]
    return names


def _key(text: str) -> tuple[str, str]:
    """The key that `text` ends with, and what is before it."""
    if text.endswith(('"', "'")):
        inner = text[:-1].rstrip("\\")
        opening = inner.rfind(text[-1])
        return (inner[opening + 1 :], text[:opening]) if opening >= 0 and len(inner) - opening <= 65 else ("", "")
    word = _LAST_WORD.search(text, max(0, len(text) - 64))
    return (word.group(), text[: word.start()]) if word else ("", "")


def _opener(text: str) -> int:
    """The last bracket in `text` that nothing closes, or -1."""
    depth = 0
    for bracket in reversed(list(_BRACKET.finditer(text))):
        depth += 1 if bracket.group() in "]}" else -1
        if depth < 0:
            return bracket.start()
    return -1


def _in_markup(before: str) -> re.Match[str] | None:
    """The opening tag that nothing closes before the end."""
    opening = before.rfind("<")
    return _TAG.match(before, opening) if opening >= 0 else None


def _in_field(before: str) -> tuple[list[str], int] | None:
    near = before[-110:]
    separator = max(near.rfind(":"), near.rfind("="))
    if separator < 0 or len(near) - separator > 70:
        return None
    field = _FIELD.search(near, max(0, separator - 46))
    if field is None:
        return None
    name = field.group(1).strip()
    if not name or ")" in name or name.count(" ") >= _MOST_WORDS or not any(map(str.isalpha, name)):
        return None
    return [name], len(before) - len(near) + field.end(1) + 1
