"""Personal data in JSON: the texts within a document, and the document with other texts in their places.

Redaction must see what a JSON text means, not how it is written: an escape such as ``\\u0040`` hides an address from
any pattern. So documents are taken apart into their strings, and put together again only where one of them changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

MAX_DEPTH = 64
_TELLING_DIGITS = 6
"""Numbers of fewer digits say nothing about anybody."""


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
    return value if depth_of(value) <= MAX_DEPTH else None


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
    """Names, strings and long numbers, in the order of the document."""
    found: list[str] = []
    _collect(value, found)
    return found


def with_texts(value: Any, texts: Iterator[str]) -> Any:
    """A copy with `texts`, one for each of `texts_of`, in their places. A number that changed becomes a string."""
    if isinstance(value, str):
        return next(texts)
    if isinstance(value, dict):
        return {next(texts): with_texts(below, texts) for below in value.values()}
    if isinstance(value, list):
        return [with_texts(below, texts) for below in value]
    if _telling(value):
        text = next(texts)
        return value if text == str(value) else text
    return value


def rewritten(text: str, texts: Iterator[str]) -> str:
    """`text` with new texts, as many as `parts` gives, in their places; as it was if none changed."""
    value = load(text)
    if value is None:
        return next(texts)
    before = texts_of(value)
    after = [next(texts) for _ in before]
    if before == after:
        return text
    return json.dumps(with_texts(value, iter(after)), ensure_ascii=False)


def parts(text: str) -> list[str]:
    """What redaction is to look at in `text`: the texts of a JSON document, or all of it."""
    value = load(text)
    return [text] if value is None else texts_of(value)


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
    elif _telling(value):
        found.append(str(value))


def _telling(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and sum(sign.isdigit() for sign in str(value)) >= _TELLING_DIGITS
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise Duplicate
    return made
