"""Sets of characters in expressions: which bytes of a shadow they are, and how every engine reads them alike."""

from __future__ import annotations

from typing import Final

from .shadow import cast

ALL: Final = frozenset(range(256))
"""Every byte."""
_DIGITS: Final = frozenset(range(0x30, 0x3A))
_SPACES: Final = frozenset(b" \t\n\r\f\v")
_WORD: Final = frozenset(point for point in range(256) if chr(point).isalnum() or chr(point) == "_")
CLASSES: Final = {
    "d": _DIGITS,
    "D": ALL - _DIGITS,
    "s": _SPACES,
    "S": ALL - _SPACES,
    "w": _WORD,
    "W": ALL - _WORD,
}
"""What a backslash and a letter stand for. Words have the letters of latin-1."""
_OPAQUE: Final = "\x1a\xff"
"""What letters become that the fold cannot tell apart."""


class ExpressionError(ValueError):
    """What is wrong with an expression, and where; never what it says."""


def fold(text: str) -> str:
    """`text` as the scanner sees it. Raises ExpressionError where it could not be told from other texts."""
    folded = cast(text).text
    if any(character in _OPAQUE for character in folded) and not set(text) >= set(folded) & set(_OPAQUE):
        raise ExpressionError("has characters that cannot be told apart; letters may be Latin, Greek or Cyrillic")
    return folded


def cased(point: int) -> frozenset[int]:
    """`point` and the same letter in the other case, if latin-1 has it."""
    other = chr(point).swapcase()
    return frozenset((point, ord(other))) if len(other) == 1 and other <= "\xff" else frozenset((point,))


def written(points: frozenset[int]) -> str:
    """A class, or a character by itself, that every engine reads alike."""
    if len(points) == 1:
        (point,) = points
        character = chr(point)
        return character if character.isascii() and character.isalnum() else f"\\x{point:02x}"
    ranges: list[list[int]] = []
    for point in sorted(points):
        if ranges and point == ranges[-1][1] + 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    spans = (f"\\x{low:02x}" if low == high else f"\\x{low:02x}-\\x{high:02x}" for low, high in ranges)
    return f"[{''.join(spans)}]"
