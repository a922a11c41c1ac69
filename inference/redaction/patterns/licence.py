"""Driving licences of the EU, EFTA, the United Kingdom and the United States: by context, the British one also by its structure."""

from __future__ import annotations

import re
from typing import Final

from ..context import called
from ..masks import free
from ..words.licence import LICENCE
from .document import DIGITS, LETTERS_FIRST, document
from .pattern import Pattern, Verified

_LETTERS_FIRST: Final = {
    "A999999": "SE GB old, US",
    "A9999999": "US, SK",
    "A99999999": "US",
    "A999999999": "US",
    "A99999999999": "US (Illinois)",
    "A999999999999": "US (Florida)",
    "A9999999999999": "US",
    "A99999999999999": "US (New Jersey)",
    "A99999999A": "RO",
    "AA999999": "CZ EE HU LV PT SK US",
    "AA9999999": "LV US",
    "AA9999999A": "IT",
    "AAA999999": "LV",
}
_DIGITS_FIRST: Final = {
    "999999": "LU CY",
    "9999999": "IS US",
    "99999999": "AT DK HR LT US",
    "99999999A": "ES",
    "999999999": "BG GR IE SI US",
    "9999999999": "BE FI NL SE",
    "99999999999": "NO",
    "999999999999": "CH FR IE",
    "99AA99999": "FR from 2013",
    "99999/99/9999": "PL",
}
_MIXED: Final = {"X99XXXXXX9X": "DE: authority, serial number, check digit, issue", "A9XXXXXXXA": "IT (U1…)"}
_BRITISH: Final = re.compile(
    r"[A-Z]{1,5}9{0,4}(?<=[A-Z9]{5})[ -]?[0-9](?:0[1-9]|1[0-2]|5[1-9]|6[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9][ -]?"
    r"[A-Z][A-Z9][ -]?[A-Z0-9][ -]?[A-Z]{2}(?:[ -]?[0-9]{2})?(?![A-Za-z0-9])"
)
"""Five letters of the surname (filled up with 9), decade, month (women's plus 50), day and year of birth, initials, check
(DVLA)."""


def _mixed(value: str) -> float | None:
    letters = sum(map(str.isalpha, value))
    return 0.75 if letters and letters < len(value) else None


def _british(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    value = _BRITISH.match(shadow, start)
    if value is None or not free(shadow, start):
        return None
    return start, value.end(), 0.95 if called(shadow, start, value.end(), LICENCE) else 0.85


PATTERNS: Final = (
    Pattern("licence-letters", "DRIVING_LICENCE", LETTERS_FIRST, document(_LETTERS_FIRST, LICENCE), words=LICENCE),
    Pattern("licence-digits", "DRIVING_LICENCE", DIGITS, document(_DIGITS_FIRST, LICENCE), words=LICENCE),
    Pattern(
        "licence-six", "DRIVING_LICENCE", r"\b[0-9]{6}\b", document(("999999",), LICENCE), country="LU", words=LICENCE
    ),
    Pattern(
        "licence-french",
        "DRIVING_LICENCE",
        r"\b[0-9]{2}[ -]?[A-Z]{2}[ -]?[0-9]{5}\b",
        document(("99AA99999",), LICENCE),
        country="FR",
        words=LICENCE,
    ),
    Pattern(
        "licence-polish",
        "DRIVING_LICENCE",
        r"\b[0-9]{5}/[0-9]{2}/[0-9]{4}\b",
        document(("99999/99/9999",), LICENCE),
        country="PL",
        words=LICENCE,
    ),
    Pattern(
        "licence-mixed",
        "DRIVING_LICENCE",
        r"\b[A-Z0-9][ -]?[0-9][A-Z0-9](?:[ -]?[A-Z0-9]){7}",
        document(_MIXED, LICENCE, _mixed),
        words=LICENCE,
    ),
    Pattern(
        "licence-british",
        "DRIVING_LICENCE",
        r"\b[A-Z][A-Z9]{4}[ -]?[0-9][0156][0-9]{4}[ -]?[A-Z][A-Z9]",
        _british,
        country="GB",
    ),
)
