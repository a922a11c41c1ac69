"""Number plates of the EU, EFTA and the United Kingdom, where a word says that it is one: each form is also something else's."""

from __future__ import annotations

import re
from typing import Final

from ..masks import bare, free
from ..words.vehicle import PLATE
from .document import BY_CONTEXT, announced
from .pattern import Pattern, Verified
from .plate_districts import GERMAN

_END: Final = r")(?![A-Za-z0-9]|[-./][A-Za-z0-9])"
_LETTERS_FIRST: Final = tuple(
    re.compile(f"(?:{form}{_END}")
    for form in (
        r"[A-Z]{1,3}[ -]{0,3}[A-Z]{1,2}[ -]{0,3}[0-9]{1,4}[HE]?",  # DE HU SI
        r"[A-Z]{1,3}[ -]?[0-9]{1,6}(?:[ -]?[A-Z]{1,3})?",  # AT BG CH CY FI FR GB GR HR HU IT LT LU LV MT NO PL RO SE SK
        r"[A-Z]{2}[ -]?[0-9]{2}[ -][0-9]{2,3}|[A-Z]{2}-[0-9]{2}-[A-Z0-9]{2}",  # DK NL PT
    )
)
_DIGITS_FIRST: Final = tuple(
    re.compile(f"(?:{form}{_END}")
    for form in (
        r"[0-9]{1,4}[ -]?[A-Z]{1,3}(?:[ -]?[0-9]{1,6})?",  # BE EE ES IE NL PT
        r"[0-9]{2}-[0-9]{2}-[A-Z]{2}|[0-9][A-Z][0-9][ -]?[0-9]{4}",  # CZ NL PT
    )
)
_GERMAN: Final = re.compile(r"([A-Z]{1,3})[ -]{1,3}[A-Z]{1,2}[ -]{0,3}[1-9][0-9]{0,3}[HE]?\Z")
_CURRENCIES: Final = ("EUR", "USD", "GBP", "CHF", "PLN", "CZK", "HUF", "SEK", "NOK", "DKK", "RON", "BGN", "ISK")


def _plate(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    if not free(shadow, start):
        return None
    forms = _LETTERS_FIRST if shadow[start].isalpha() else _DIGITS_FIRST
    written = max((value.group() for form in forms if (value := form.match(shadow, start))), key=len, default="")
    stop = start + len(written)
    plain = bare(written)
    if not 4 <= len(plain) <= 9 or plain.isalpha() or plain.startswith(_CURRENCIES) or plain.endswith(_CURRENCIES):
        return None
    if not announced(shadow, start, stop, PLATE):
        return None
    german = _GERMAN.match(written)
    return start, stop, 0.9 if german and german.group(1) in GERMAN else BY_CONTEXT


PATTERNS: Final = (
    Pattern("plate-letters", "VEHICLE", r"\b[A-Z]{1,3}[ -]{0,3}(?:[A-Z]{1,2}[ -]{0,3})?[0-9]{2}", _plate, words=PLATE),
    Pattern("plate-digits", "VEHICLE", r"\b[0-9]{1,4}[ -]?[A-Z]{1,3}[ -]?[0-9]{1,2}", _plate, words=PLATE),
    Pattern("plate-dutch", "VEHICLE", r"\b[0-9]{2}-[0-9]{2}-[A-Z]{2}\b", _plate, words=PLATE),
    Pattern("plate-spanish", "VEHICLE", r"\b[0-9]{3,4}[ -]?[A-Z]{3}\b", _plate, words=PLATE),
)
