"""Coordinates in the grids that rescue services, surveyors and walkers use: UTM, MGRS (UTMREF), the British and the Irish national
grid, the Swiss one (LV95, LV03). What is not written as nothing else is needs a word for it.
"""

from __future__ import annotations

import re
from typing import Final

from ..context import Words, named
from .location_words import LOCATION_WORDS
from .pattern import Pattern, Verified

_SCORE: Final = 0.85
_ZONES: Final = 60
_UTM: Final = re.compile(
    r"(?P<zone>[0-9]{1,2}) ?[C-HJ-NP-X][ ,]{1,2}(?:E ?)?0?[1-9][0-9]{5} ?(?:mE|m ?E|E)?[ ,;/]{1,3}(?:N ?)?[0-9]{7}"
    r"(?: ?(?:mN|m ?N|N)\b)?(?![0-9A-Za-z])"
)
_MGRS: Final = re.compile(
    r"(?P<zone>[0-9]{1,2}) ?[C-HJ-NP-X] ?[A-HJ-NP-Z][A-HJ-NP-V] ?(?P<digits>[0-9]{3,5} [0-9]{3,5}|[0-9]{6}|[0-9]{8}|[0-9]{10})"
    r"(?![0-9A-Za-z])"
)
_MGRS_WORDS: Final = LOCATION_WORDS | Words("mgrs", "utm", "utmref", "usng", "grid", "grid ref", stems=("meldegitter",))
_NATIONAL: Final = re.compile(
    r"[HJNOST]?[A-HJ-Z] ?(?:[0-9]{3,5} [0-9]{3,5}|[0-9]{6}|[0-9]{8}|[0-9]{10})(?![0-9A-Za-z])"
)
_NATIONAL_WORDS: Final = Words(
    "grid ref", "grid reference", "gridref", "os grid", "os ref", "osgb", "osgb36", "os map", "ngr", "national grid", "osi grid",
    "irish grid", "os coordinates",
)  # fmt: skip
_SWISS: Final = re.compile(
    r"2?['\x1a]?[4-8][0-9]{2}['\x1a ]?[0-9]{3}(?:\.[0-9]{1,3})?(?: ?[,/;] ?| )"
    r"1?['\x1a]?[0-3][0-9]{2}['\x1a ]?[0-9]{3}(?:\.[0-9]{1,3})?(?![0-9A-Za-z])"
)
_SWISS_WORDS: Final = Words(
    "lv95", "lv03", "lv 95", "lv 03", "ch1903", "epsg 2056", "epsg 21781", "landeskoordinaten", "swissgrid", "swiss grid",
    "coordonnées nationales", "coordinate nazionali", "koordinaten", "coordonnées", "coordinate", "map geo admin",
)  # fmt: skip


def _free(shadow: str, start: int) -> bool:
    return not (start and (shadow[start - 1].isalnum() or shadow[start - 1] in "._-/"))


def _utm(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    place = _UTM.match(shadow, start)
    if place is None or not _free(shadow, start) or not 1 <= int(place["zone"]) <= _ZONES:
        return None
    return start, place.end(), _SCORE


def _mgrs(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    place = _MGRS.match(shadow, start)
    if place is None or not _free(shadow, start) or not 1 <= int(place["zone"]) <= _ZONES:
        return None
    east, _, north = place["digits"].partition(" ")
    if north and len(east) != len(north):
        return None
    written = place.group().count(" ") > 1 and len(north) > 3
    return (start, place.end(), _SCORE) if written or named(shadow, start, place.end(), _MGRS_WORDS) else None


def _by_words(form: re.Pattern[str], words: Words, name: str, trigger: str) -> Pattern:
    """The pattern of a `form` that only `words` make a place."""

    def verify(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
        place = form.match(shadow, start)
        if place is None or not _free(shadow, start) or not named(shadow, start, place.end(), words):
            return None
        return start, place.end(), _SCORE

    return Pattern(name, "LOCATION", trigger, verify, words=words)


PATTERNS: Final = (
    Pattern("utm", "LOCATION", r"\b[0-9]{1,2} ?[C-HJ-NP-X][ ,]{1,2}(?:E ?)?0?[1-9][0-9]{5}", _utm),
    Pattern("mgrs", "LOCATION", r"\b[0-9]{1,2} ?[C-HJ-NP-X] ?[A-HJ-NP-Z][A-HJ-NP-V] ?[0-9]{3}", _mgrs),
    _by_words(_NATIONAL, _NATIONAL_WORDS, "national-grid", r"\b[HJNOST]?[A-HJ-Z] ?[0-9]{3,5} ?[0-9]{3}"),
    _by_words(
        _SWISS,
        _SWISS_WORDS,
        "swiss-grid",
        r"\b2?['\x1a]?[4-8][0-9]{2}['\x1a ]?[0-9]{3}(?:\.[0-9]{1,3})?[ ,/;]{1,3}1?['\x1a]?[0-3][0-9]{2}",
    ),
)
