"""Coordinates in degrees, minutes and seconds, with or without the letters of the compass: ``52°31'12"N 13°24'17"E``, as GPS
devices (``N 52° 31.200' E 013° 24.300'``), ExifTool (``52 deg 31' 12.00" N``) and people in every language write them.

Two angles in degrees and minutes side by side are a place whatever the words for north and east are.
"""

from __future__ import annotations

import re
from typing import Final

from ..context import named
from .location_words import LOCATION_WORDS
from .pattern import Pattern, Verified

_SCORE: Final = 0.9
_SCORE_NAMED: Final = 0.85
_DEGREE: Final = "(?:[\xb0\xba]|deg\\.?|[Gg]rad)"
_MINUTE: Final = "(?:['\xb4`\x1a\x92]|min\\.?|Minuten)"
_SECOND: Final = "(?:[\"\x94\x1a]|''|\x1a\x1a|sec\\.?|Sekunden)"
_FRACTION: Final = "(?:[.,][0-9]{1,6})?"
_ANGLE: Final = (
    rf"[0-9]{{1,3}}(?:[.,][0-9]{{2,10}} ?{_DEGREE}?|(?: ?{_DEGREE} ?| )[0-9]{{1,2}}{_FRACTION}(?: ?{_MINUTE}"
    rf"(?: ?[0-9]{{1,2}}{_FRACTION}(?: ?{_SECOND})?)?| [0-9]{{1,2}}{_FRACTION}(?= ?[NSEOW]\b))?)"
)
_MINUTES: Final = (
    rf"[0-9]{{1,3}} ?{_DEGREE} ?[0-9]{{1,2}}{_FRACTION} ?{_MINUTE}(?: ?[0-9]{{1,2}}{_FRACTION} ?{_SECOND})?"
)
_COMPASS: Final = re.compile(
    rf"(?:(?P<north>{_ANGLE}) ?[NS]\b[ ,;/]{{0,3}}(?P<east>{_ANGLE}) ?[EOW]\b"
    rf"|\b[NS] ?(?P<north_after>{_ANGLE})[ ,;/]{{1,3}}[EOW] ?(?P<east_after>{_ANGLE})(?![0-9A-Za-z]))"
)
_LETTERS_AFTER: Final = r"(?: ?[A-Z\xd6\xd8]{1,2}(?![0-9A-Za-z\xc0-\xff]))?"
"""North or east in one or two capitals: N, NB, P, E, O, \xd6, \xd8, OL, I."""
_TWO: Final = re.compile(
    rf"(?P<north>{_MINUTES})[^0-9\n]{{0,28}}(?:\n[ \t]{{0,8}}[^0-9\n]{{0,12}})?(?P<east>{_MINUTES}){_LETTERS_AFTER}"
    "(?![0-9A-Za-z])"
)
_DECIMALS: Final = "[0-9]{1,3}[.,][0-9]{4,10} ?[\xb0\xba]"
_LINK: Final = r"(?:[^0-9A-Za-z\xc0-\xff]|[A-Za-z\xc0-\xff]{1,2}(?![A-Za-z\xc0-\xff])){0,14}"
"""No words: degrees are those of other angles, too."""
_TWO_DECIMALS: Final = re.compile(
    rf"(?P<north>{_DECIMALS}){_LINK}(?P<east>{_DECIMALS})(?! ?[CFK]\b){_LETTERS_AFTER}(?![0-9A-Za-z])"
)
_SIGNED: Final = re.compile(rf"-?{_ANGLE}[ ,;/]{{1,3}}-?{_ANGLE}(?![0-9A-Za-z])")
_HALF: Final = re.compile(rf"{_MINUTES} ?[NSEWO]\b")
_WHOLE_DEGREES: Final = re.compile("[0-9]+")


def _compass(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    place = _COMPASS.match(shadow, start)
    if place is None or (start and (shadow[start - 1].isalnum() or shadow[start - 1] in "._")):
        return None
    north, east = (place["north"] or place["north_after"]), (place["east"] or place["east_after"])
    return (start, place.end(), _SCORE) if _on_earth(north, east) else None


def _on_earth(north: str, east: str) -> bool:
    """Whether the whole degrees that two angles begin with are a latitude's and a longitude's."""
    return all(
        int(degrees.group()) <= most
        for angle, most in ((north, 90), (east, 180))
        if (degrees := _WHOLE_DEGREES.match(angle)) is not None
    )


def _degrees(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    whole = _compass(shadow, start, end, language)
    if whole:
        return whole
    if start and shadow[start - 1].isalnum():
        return None
    begin = start - 1 if shadow[start - 1 : start] == "-" else start
    two = _TWO.match(shadow, start) or _TWO_DECIMALS.match(shadow, start)
    if two is not None and _on_earth(two["north"], two["east"]):
        return begin, two.end(), _SCORE_NAMED
    half = _HALF.match(shadow, start)
    if half is not None:
        return start, half.end(), _SCORE_NAMED
    signed = _SIGNED.match(shadow, begin)
    if signed and named(shadow, begin, signed.end(), LOCATION_WORDS):
        return begin, signed.end(), _SCORE_NAMED
    return None


PATTERNS: Final = (
    Pattern(
        "coordinates-degrees",
        "LOCATION",
        rf"\b[0-9]{{2,3}} ?{_DEGREE} ?(?:[0-9]{{2}}|[0-9] ?{_MINUTE}[^0-9\n]{{0,6}}[0-9])",
        _degrees,
        sign=f"{_DEGREE} ?[0-9]",
    ),
    Pattern("coordinates-decimal-degrees", "LOCATION", r"\b[0-9]{1,3}[.,][0-9]{4,10} ?[\xb0\xba]", _degrees),
    Pattern(
        "coordinates-compass",
        "LOCATION",
        rf"\b[0-9]{{1,3}}[.,][0-9]{{2,10}} ?{_DEGREE}? ?[NS][ ,;/]{{0,3}}[0-9]",
        _compass,
    ),
    Pattern(
        "coordinates-minutes",
        "LOCATION",
        r"\b[0-9]{2} [0-5]?[0-9](?: [0-5]?[0-9])?(?:[.,][0-9]{1,6})? ?[NS][ ,;/]{1,3}[0-9]",
        _compass,
    ),
    Pattern(
        "coordinates-letter",
        "LOCATION",
        rf"\b[NS] ?[0-9]{{2}}(?:[.,][0-9]{{3}}| ?{_DEGREE} ?[0-9]{{2}}| [0-9]{{2}}\.[0-9]{{2}})",
        _compass,
    ),
)
