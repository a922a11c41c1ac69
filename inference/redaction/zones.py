"""Zones: the stretches of a text that digits lie close together in. Most patterns cannot match anywhere else, and ordinary text
has few, so that a hundred patterns of numbers cost little more than one."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import reduce
from math import inf
from re import _constants, _parser  # type: ignore[attr-defined]  # the only parser of expressions there is
from typing import Any, Final, NamedTuple

_DIGITS: Final = 4
_GAP: Final = 12
"""Characters between two of the digits."""
_MARGIN: Final = 24
"""Characters of a match before the first and after the last of them."""
_MARKED: Final = bytes(48 if 48 <= byte <= 57 else 32 for byte in range(256))
"""Makes every digit a 0 and everything else a space: the search for a single character is three times as fast."""
_CLUSTER: Final = re.compile(rb"0(?: {0,%d}+0){%d,}+" % (_GAP, _DIGITS - 1))
_BETWEEN: Final = b"\x1a" * (_MARGIN + 1)
"""What is put between zones: longer than any stretch without a digit in a match that lies in one."""


class Zones(NamedTuple):
    """The zones of a text one after another in `data`: the one at ``starts[n]`` there begins at ``origins[n]`` in the text."""

    data: bytes
    starts: list[int]
    origins: list[int]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Where a match in `data` lies in the text; a start of 0 is an unknown one and stays. A match never lies in two zones."""
        zone = bisect_right(self.starts, end - 1) - 1
        moved = self.origins[zone] - self.starts[zone]
        return start + moved if start else 0, end + moved


def zones(data: bytes) -> Zones:
    """The zones of a shadow's `data`: every match of an expression that is `near_digits` lies in one, and so does the character
    before and after it."""
    pieces: list[bytes] = []
    starts: list[int] = []
    origins: list[int] = []
    length = 0
    begin = stop = -1
    for cluster in _CLUSTER.finditer(data.translate(_MARKED)):
        first, last = cluster.span()
        first = max(0, first - _MARGIN - 1)
        last = min(len(data), last + _MARGIN + 1)
        if first <= stop:
            stop = last
            continue
        if stop > 0:
            pieces.append(data[begin:stop])
            starts.append(length)
            origins.append(begin)
            length += stop - begin + len(_BETWEEN)
        begin, stop = first, last
    if stop > 0:
        pieces.append(data[begin:stop])
        starts.append(length)
        origins.append(begin)
    return Zones(_BETWEEN.join(pieces), starts, origins)


class _Width(NamedTuple):
    """What is certain of every match of an expression: it has at most `whole` characters and at least `digits` digits, at most
    `lead` characters before the first of them, `gap` between two and `tail` after the last."""

    whole: float
    digits: int = 0
    lead: float = 0
    gap: float = 0
    tail: float = 0


_NOTHING: Final = _Width(0)
_CHARACTER: Final = _Width(1)
_DIGIT: Final = _Width(1, 1)


def near_digits(expression: str) -> bool:
    """Whether every match of `expression` lies in a zone. False also for what only a scanner can read."""
    try:
        width = _sequence(_parser.parse(expression))
    except re.error:
        return False
    return width.digits >= _DIGITS and max(width.lead, width.tail) <= _MARGIN and width.gap <= _GAP


def _sequence(parts: Any) -> _Width:
    sequence = _NOTHING
    for name, value in parts:
        sequence = _then(sequence, _part(name, value))
    return sequence


def _part(name: Any, value: Any) -> _Width:
    if name is _constants.LITERAL:
        return _DIGIT if _is_digits((name, value)) else _CHARACTER
    if name is _constants.IN:
        return _DIGIT if all(map(_is_digits, value)) else _CHARACTER
    if name in (_constants.NOT_LITERAL, _constants.ANY):
        return _CHARACTER
    if name is _constants.AT:
        return _NOTHING
    if name is _constants.SUBPATTERN:
        return _sequence(value[-1])
    if name is _constants.BRANCH:
        first, *others = map(_sequence, value[1])
        return reduce(_either, others, first)
    if name in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
        least, most, part = value
        return _times(_sequence(part), least, inf if most is _constants.MAXREPEAT else most)
    return _Width(inf)


def _then(first: _Width, second: _Width) -> _Width:
    whole = first.whole + second.whole
    if not first.digits:
        return second._replace(whole=whole, lead=first.whole + second.lead)
    if not second.digits:
        return first._replace(whole=whole, tail=first.tail + second.whole)
    gap = max(first.gap, second.gap, first.tail + second.lead)
    return _Width(whole, first.digits + second.digits, first.lead, gap, second.tail)


def _either(first: _Width, second: _Width) -> _Width:
    if first.digits and second.digits:
        return _Width(
            max(first.whole, second.whole),
            min(first.digits, second.digits),
            max(first.lead, second.lead),
            max(first.gap, second.gap),
            max(first.tail, second.tail),
        )
    return _Width(max(first.whole, second.whole))


def _times(once: _Width, least: int, most: float) -> _Width:
    whole = once.whole * most if once.whole else 0
    if not (least and once.digits):
        return _Width(whole)
    gap = max(once.gap, once.tail + once.lead) if most > 1 else once.gap
    return _Width(whole, once.digits * least, once.lead, gap, once.tail)


def _is_digits(member: Any) -> bool:
    name, value = member
    if name is _constants.RANGE:
        return bool(48 <= value[0] <= value[1] <= 57)
    return name is _constants.LITERAL and 48 <= value <= 57
