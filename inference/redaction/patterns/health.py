"""Health insurance: the German insured person's number, European cards, the US Medicare number, others by context."""

from __future__ import annotations

from typing import Final

from ..checks import luhn
from ..context import called
from ..finding import VERIFIED
from ..masks import bare, free, shape
from ..words.health import HEALTH
from .document import DIGITS, document
from .pattern import Pattern, Verified

_WITH_CHECK: Final = 0.95
_FORM_ALONE: Final = 0.85
_CARD: Final = shape(("9" * 20,))
_CODES: Final = """
    040 056 100 191 196 203 208 233 246 250 276 300 348 352 372 380 428 438 440 442 470 528 578 616 620 642 703 705
    724 752 756 826 831 832 833
"""
_CARD_COUNTRIES: Final = frozenset(_CODES.split())
"""Numeric codes (ISO 3166-1) of the states whose cards begin with 80 and the code: EU, EFTA, the United Kingdom and its islands."""
_MEDICARE_LETTER: Final = "[AC-HJKMNP-RT-Y]"
_MEDICARE: Final = shape(("9AX9AX9AA99",))
_GERMAN: Final = shape(("A999999999",))
_HUNGARIAN: Final = shape(("999999999",))
_BY_CONTEXT: Final = {
    "9" * 20: "cards without a check digit",
    "9999999999999": "BE (mutualité)",
    "999999999999": "NL BE",
    "9999999999": "AT BG NL",
    "999999999": "HR HU PT SI",
    "99999999": "NL FR",
    "9999999": "NL",
}


def kvnr(number: str) -> bool:
    """The German Krankenversichertennummer: a letter and nine digits, the last a check digit: the letter as two digits (A is 01),
    weights 1 and 2, digit sums, modulo 10 (Richtlinie nach § 290 SGB V)."""
    digits = f"{ord(number[0]) - 64:02}{number[1:9]}"
    total = sum(sum(divmod(int(digit) * (1 + place % 2), 10)) for place, digit in enumerate(digits))
    return total % 10 == int(number[9])


def taj(number: str) -> bool:
    """The Hungarian TAJ number: nine digits, weights 3 and 7 by turns over eight, modulo 10 (Act XX of 1996)."""
    return sum(int(digit) * (7 if place % 2 else 3) for place, digit in enumerate(number[:8])) % 10 == int(number[8])


def _german(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    value = _GERMAN.match(shadow, start)
    if value is None or not free(shadow, start) or not kvnr(bare(value.group())):
        return None
    return (start, value.end(), _WITH_CHECK) if called(shadow, start, value.end(), HEALTH) else None


def _hungarian(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    value = _HUNGARIAN.match(shadow, start)
    if value is None or not free(shadow, start) or not taj(bare(value.group())):
        return None
    return (start, value.end(), _WITH_CHECK) if called(shadow, start, value.end(), HEALTH) else None


def _card(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    value = _CARD.match(shadow, start)
    if value is None or not free(shadow, start):
        return None
    digits = bare(value.group())
    if digits[2:5] not in _CARD_COUNTRIES:
        return None
    in_context = called(shadow, start, value.end(), HEALTH)
    if luhn(digits):
        return start, value.end(), VERIFIED if in_context else _FORM_ALONE
    return (start, value.end(), _FORM_ALONE) if in_context else None


def _medicare(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    value = _MEDICARE.match(shadow, start)
    if value is None or not free(shadow, start):
        return None
    return start, value.end(), _WITH_CHECK if called(shadow, start, value.end(), HEALTH) else _FORM_ALONE


PATTERNS: Final = (
    Pattern(
        "health-kvnr", "HEALTH_INSURANCE", r"\b[A-Z][ .-]?[0-9](?:[ .-]?[0-9]){8}", _german, country="DE", words=HEALTH
    ),
    Pattern("health-card", "HEALTH_INSURANCE", r"\b8[ .-]?0[ .-]?[0-8](?:[ .-]?[0-9]){17}", _card),
    Pattern(
        "health-taj",
        "HEALTH_INSURANCE",
        r"\b[0-9]{3}[ .-]?[0-9]{3}[ .-]?[0-9]{3}\b",
        _hungarian,
        country="HU",
        words=HEALTH,
    ),
    Pattern(
        "health-medicare",
        "HEALTH_INSURANCE",
        rf"\b[1-9]{_MEDICARE_LETTER}[AC-HJKMNP-RT-Y0-9][0-9][ -]?{_MEDICARE_LETTER}[AC-HJKMNP-RT-Y0-9][0-9][ -]?"
        rf"{_MEDICARE_LETTER}{{2}}[0-9]{{2}}\b",
        _medicare,
        country="US",
    ),
    Pattern("health-digits", "HEALTH_INSURANCE", DIGITS, document(_BY_CONTEXT, HEALTH), words=HEALTH),
)
