"""Alternatives: an expression of many words as several of few words each, which together match the same.

Vectorscan looks for literals at the speed of memory and calls an automaton only where one stands. It finds them in an
expression of a few words; one of a hundred becomes an automaton that reads every byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_MOST: Final = 8
"""Alternatives that one expression keeps."""
_WORTH: Final = 12
"""Alternatives from which a group is taken apart."""


def apart(expression: str) -> list[str]:
    """The expressions that match, together, what `expression` does: its own alternatives, and of each the first group that has
    many, without flags or with ``i``."""
    return [part for alternative in _split(expression) for part in _without_group(alternative)]


def _without_group(expression: str) -> Iterator[str]:
    start = 0
    for start, end in _groups(expression):
        opening = "(?i:" if expression.startswith("(?i:", start) else "(?:"
        if not expression.startswith(opening, start) or expression[end : end + 1] in ("*", "+", "?", "{"):
            continue
        # Alike in every process: what is compiled is kept by its expressions.
        words = sorted(_split(expression[start + len(opening) : end - 1]), key=_by_length)
        if len(words) >= _WORTH:
            for first in range(0, len(words), _MOST):
                some = "|".join(words[first : first + _MOST])
                yield f"{expression[:start]}{opening}{some}){expression[end:]}"
            return
    yield expression


def _split(expression: str) -> list[str]:
    """The alternatives of an expression."""
    begin, found = 0, []
    for place, depth in _signs(expression):
        if depth == 0 and expression[place] == "|":
            found.append(expression[begin:place])
            begin = place + 1
    return [*found, expression[begin:]]


def _groups(expression: str) -> Iterator[tuple[int, int]]:
    """Start and end of the groups that are in no other."""
    start = 0
    for place, depth in _signs(expression):
        if expression[place] == "(" and depth == 0:
            start = place
        elif expression[place] == ")" and depth == 0:
            yield start, place + 1


def _signs(expression: str) -> Iterator[tuple[int, int]]:
    """Where ``(``, ``|`` and ``)`` stand that mean something, and in how many groups; a bracket is not in its own group."""
    place = depth = 0
    while place < len(expression):
        sign = expression[place]
        if sign == "\\":
            place += 1
        elif sign == "[":
            place = _class_end(expression, place)
        elif sign == "(":
            yield place, depth
            depth += 1
        elif sign == ")":
            depth -= 1
            yield place, depth
        elif sign == "|":
            yield place, depth
        place += 1


def _class_end(expression: str, place: int) -> int:
    """The bracket that closes the class at `place`."""
    place += 1
    if expression[place] == "^":
        place += 1
    if expression[place] == "]":
        place += 1
    while expression[place] != "]":
        place += 2 if expression[place] == "\\" else 1
    return place


def _by_length(word: str) -> tuple[int, str]:
    return len(word), word
