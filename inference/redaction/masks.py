"""Masks: how the forms of document numbers are written down. ``A`` is a letter, ``9`` a digit, ``X`` either, others themselves.

A value may be written with one space, dot or hyphen between any two characters, or broken over a line between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

GAP: Final = r"(?:[ .-]|[ ]?\n[ \t]{0,8})?"
_CLASSES: Final = {"A": "[A-Z]", "9": "[0-9]", "X": "[A-Z0-9]"}
_END: Final = r"(?![A-Za-z0-9]|[-./][0-9])"
_NOT_KEPT: Final = re.compile(r"[^A-Za-z0-9]+")


def expression(mask: str) -> str:
    """The `re` expression of one mask."""
    return GAP.join(_CLASSES.get(place, re.escape(place)) for place in mask)


def shape(masks: Iterable[str]) -> re.Pattern[str]:
    """An expression that matches at the start of a value of any of the `masks`, the longest first, and to its end."""
    longest_first = sorted(masks, key=len, reverse=True)
    digits = sorted(len(mask) for mask in longest_first if not mask.strip("9"))
    alternatives = [expression(mask) for mask in longest_first if mask.strip("9")]
    if digits:
        alternatives.append(_digits(digits))
    return re.compile(rf"(?:{'|'.join(alternatives)}){_END}")


def _digits(counts: list[int]) -> str:
    """Digits of one of these counts, ascending, for what `_END` comes after: each is read once and not for every count."""
    nested = ""
    for few, more in reversed(list(pairwise(counts))):
        nested = rf"(?:{_repeated(more - few)}{nested})?"
    return rf"[0-9]{_repeated(counts[0] - 1)}{nested}"


def _repeated(count: int) -> str:
    return rf"(?:{GAP}[0-9]){{{count}}}"


def bare(value: str) -> str:
    """A value without what separates its characters."""
    return _NOT_KEPT.sub("", value)


_BEFORE: Final = "_-./@#&%$+"


def free(shadow: str, start: int) -> bool:
    """Whether a value may begin at `start`: not inside a word, a number, a path or an identifier."""
    if not start:
        return True
    character = shadow[start - 1]
    if character.isalnum():
        return False
    return character not in _BEFORE or not shadow[start - 2 : start - 1].isalnum()


_DATE: Final = re.compile(
    r"[0-3]?[0-9]([./ -])[01]?[0-9]\1(?:19|20)?[0-9]{2}(?![0-9])|(?:19|20)[0-9]{2}([./-])[01]?[0-9]\2[0-3]?[0-9](?![0-9])"
)


def is_date(shadow: str, start: int) -> bool:
    """Whether a date stands at `start`, which is how most numbers near the name of a document are meant."""
    return _DATE.match(shadow, start) is not None
