"""Personal data in JSON: the texts within a document, and the document with other texts in their places.

Redaction must see what a JSON text means, not how it is written: an escape such as ``\\u0040`` hides an address from
any pattern. And it must see where a text stands: a date is one of birth because its key says so. So a document is framed: written
without escapes, with its strings and numbers as leaves (`inference.redaction.Framed`), and put together again only where
one of them changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from inference.redaction import Framed, Leaf

MAX_DEPTH = 64
_PROSE = 64
"""Characters from which on a string stands on lines of its own in a frame, as the letter or the note that it may be."""
_SURROGATE = re.compile("[\ud800-\udfff]")


class Duplicate(ValueError):
    """A name stands twice in one object: reading it would lose what the first one holds."""


def load(text: str) -> Any:
    """The object or array that `text` is, or None: then it is redacted as it is written."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        value = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return None
    if depth_of(value) > MAX_DEPTH:
        return None
    return _whole(value) if "\\u" in text else value


def depth_of(value: Any) -> int:
    """How deep objects and arrays are nested; counting stops just beyond `MAX_DEPTH`."""
    level, depth = [value], 0
    while depth <= MAX_DEPTH:
        level = [
            below
            for value in level
            if isinstance(value, dict | list)
            for below in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return depth
        depth += 1
    return depth


def texts_of(value: Any) -> list[str]:
    """Names, strings and numbers, in the order of the document."""
    found: list[str] = []
    _collect(value, found)
    return found


def framed(value: Any) -> Framed:
    """The document as redaction reads it; its leaves are `texts_of` it."""
    pieces: list[str] = []
    leaves: list[Leaf] = []
    _frame(value, pieces, leaves, 0)
    return Framed("".join(pieces), leaves)


def named(name: str, text: str) -> Framed:
    """A text that is the value of the field `name`."""
    before = f'{{"{name}": "'
    return Framed(f'{before}{text}"}}', [Leaf(len(before), len(before) + len(text))])


def with_texts(value: Any, texts: Iterator[str]) -> Any:
    """A copy with `texts`, one for each of `texts_of`, in their places. A number that changed becomes a string."""
    if isinstance(value, str):
        return next(texts)
    if isinstance(value, dict):
        return {next(texts): with_texts(below, texts) for below in value.values()}
    if isinstance(value, list):
        return [with_texts(below, texts) for below in value]
    if _is_number(value):
        text = next(texts)
        return value if text == str(value) else text
    return value


def rewritten(text: str, texts: Iterator[str]) -> str:
    """`text` with new texts, as many as `shown` has leaves for, in their places; as it was if none changed."""
    value = load(text)
    if value is None:
        return next(texts)
    before = texts_of(value)
    after = [next(texts) for _ in before]
    if before == after:
        return text
    return json.dumps(with_texts(value, iter(after)), ensure_ascii=False)


def shown(text: str) -> str:
    """What redaction is to look at in `text`: the frame of a JSON document, or all of it."""
    value = load(text)
    return text if value is None else framed(value)


def _collect(value: Any, found: list[str]) -> None:
    if isinstance(value, str):
        found.append(value)
    elif isinstance(value, dict):
        for name, below in value.items():
            found.append(name)
            _collect(below, found)
    elif isinstance(value, list):
        for below in value:
            _collect(below, found)
    elif _is_number(value):
        found.append(str(value))


def _frame(value: Any, pieces: list[str], leaves: list[Leaf], at: int) -> int:
    """Appends `value` as it stands at offset `at`, and gives the offset behind it."""

    def put(text: str) -> None:
        nonlocal at
        pieces.append(text)
        at += len(text)

    def put_leaf(text: str, *, is_name: bool = False) -> None:
        leaves.append(Leaf(at, at + len(text), is_name))
        put(text)

    if isinstance(value, str):
        prose = len(value) >= _PROSE or "\n" in value
        put('"\n' if prose else '"')
        put_leaf(value)
        put('\n"' if prose else '"')
    elif isinstance(value, dict):
        put("{")
        for place, (name, below) in enumerate(value.items()):
            put(', "' if place else '"')
            put_leaf(name, is_name=True)
            put('": ')
            at = _frame(below, pieces, leaves, at)
        put("}")
    elif isinstance(value, list):
        put("[")
        for place, below in enumerate(value):
            put(", " if place else "")
            at = _frame(below, pieces, leaves, at)
        put("]")
    elif _is_number(value):
        put_leaf(str(value))
    else:
        put(json.dumps(value))
    return at


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(value: Any) -> Any:
    """A copy without lone surrogates, which no UTF-8 can say: the replacement character stands for them."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_whole(name): _whole(below) for name, below in value.items()}
    if isinstance(value, list):
        return [_whole(below) for below in value]
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise Duplicate
    return made
