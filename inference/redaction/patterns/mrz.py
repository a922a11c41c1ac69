"""Machine-readable zones of travel documents (ICAO Doc 9303): TD1 (3 lines of 30), TD2 (2 of 36), TD3 (2 of 44) and visas.

Their check digits need no context. All lines are covered: the names are in them.
"""

from __future__ import annotations

import re
from typing import Final

from ..finding import VERIFIED
from .passport import icao
from .pattern import Pattern, Verified

_BREAK: Final = r"(?:[ \t\r]*\n[ \t>|]*|\\r?\\?n|[ ]+)"
"""Between two lines, also where the zone is in a JSON string or was pasted into one line."""
_LINE: Final = "[A-Z0-9<]"
_ZONES: Final = tuple(
    re.compile(_BREAK.join([rf"({_LINE}{{{length}}})"] * lines) + r"(?![A-Za-z0-9<])")
    for lines, length in ((2, 44), (3, 30), (2, 36))
)
_PARTLY: Final = 0.85


def _fields(lines: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Number, date of birth and date of expiry, each with its check digit."""
    if len(lines) == 3:
        first, second, _ = lines
        return (first[5:14], first[14]), (second[0:6], second[6]), (second[8:14], second[14])
    second = lines[1]
    return (second[0:9], second[9]), (second[13:19], second[19]), (second[21:27], second[27])


def _holding(fields: tuple[tuple[str, str], ...]) -> int:
    return sum(digit.isdigit() and icao(field) == int(digit) for field, digit in fields)


def _zone(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    if start and (shadow[start - 1].isalnum() or shadow[start - 1] == "<") and shadow[start - 2 : start] != "\\n":
        return None
    for form in _ZONES:
        zone = form.match(shadow, start)
        if zone is None:
            continue
        fields = _fields(zone.groups())
        holding = _holding(fields)
        if "<" in zone.group() and holding >= 2 and fields[1][0].isdigit():
            return start, zone.end(), VERIFIED if holding == 3 else _PARTLY
    return None


_SECOND: Final = re.compile(rf"{_LINE}{{28}}(?:{_LINE}{{16}}|{_LINE}{{8}})(?![A-Za-z0-9<])")


def _second(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    """The line with the number and the dates, alone: whoever copies one line copies this one."""
    line = _SECOND.match(shadow, start)
    if line is None or (start and (shadow[start - 1].isalnum() or shadow[start - 1] == "<")):
        return None
    return (start, line.end(), VERIFIED) if _holding(_fields(("", line.group()))) == 3 else None


PATTERNS: Final = (
    Pattern("mrz", "PASSPORT", r"[ACIPV][A-Z0-9<][A-Z<]{3}[A-Z0-9<]{20}", _zone, sign="<<"),
    Pattern("mrz-second-line", "PASSPORT", r"\b[A-Z0-9<]{9}[0-9][A-Z<]{3}[0-9]{7}[MFX<][0-9]{7}", _second),
)
