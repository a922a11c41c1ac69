"""Passports, identity cards and other travel documents of the EU, EFTA, the United Kingdom and the United States.

Identity cards are here where their number is the card's and not the person's (a person's own number is NATIONAL_ID): Germany,
Italy, France, Poland, Greece, Romania and others. Forms after the Council's PRADO register and the issuers' own descriptions.
"""

from __future__ import annotations

from typing import Final

from ..words.passport import PASSPORT
from .document import BY_CONTEXT, DIGITS, GAP, LETTERS_FIRST, document
from .pattern import Pattern

_LETTERS_FIRST: Final = {
    "A99999": "LI",
    "A999999": "PT, GR identity card",
    "A9999999": "AT CH EE IE IS",
    "A99999999": "CY IS US ES (E, a residence card's support)",
    "AA999999": "BE DK PT SE RO SK GR identity card, HU LT",
    "AA9999999": "BG EE FI FR GR HU IE IT LT LV PL SI SK",
    "AAA999999": "ES PL identity card, ES support number, NO",
    "AAA99999": "NO",
    "AA99999AA": "IT identity card (CA00000AA)",
}
_DIGITS_FIRST: Final = {
    "99AA99999": "FR",
    "999999AA": "HU identity card",
    "9999999AA": "IT identity card, old",
    "9999999": "MT",
    "99999999": "CZ LT NO RO SE",
    "999999999": "BG CZ DK HR GB RO US",
    "999999999A": "FI identity card",
    "999999999999": "FR identity card until 2021, BE identity card",
}
_MIXED: Final = {
    "XXXXXXXXX": "DE NL, FR identity card from 2021",
    "XXXXXXXXXX": "DE with its check digit",
    "XXXXXXXX": "LU CH CY",
}
_VALUES: Final = {character: value for value, character in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")}
_WEIGHTS: Final = (7, 3, 1)
_GERMAN: Final = frozenset("0123456789CFGHJKLMNPRTVWXYZ")


def icao(characters: str) -> int:
    """The check digit of machine-readable documents: weights 7, 3, 1; letters from 10, ``<`` is 0 (ICAO Doc 9303-3, 4.9)."""
    return sum(_VALUES.get(character, 0) * _WEIGHTS[place % 3] for place, character in enumerate(characters)) % 10


def _mixed(value: str) -> float | None:
    """Letters and digits in any order are too common: at least one letter first or second, three digits, and the check digit
    where there is one."""
    digits = sum(map(str.isdigit, value))
    if len(value) == 9 and digits and _GERMAN.issuperset(value) and not value.isdigit():
        return BY_CONTEXT  # no vowels: no word
    if digits < 2 or digits == len(value) or not value[:2].strip("0123456789"):
        return None
    if len(value) == 10:
        german = value[9].isdigit() and _GERMAN.issuperset(value) and icao(value[:9]) == int(value[9])
        return 0.95 if german else None
    return BY_CONTEXT


PATTERNS: Final = (
    Pattern("passport-letters", "PASSPORT", LETTERS_FIRST, document(_LETTERS_FIRST, PASSPORT), words=PASSPORT),
    Pattern("passport-digits", "PASSPORT", DIGITS, document(_DIGITS_FIRST, PASSPORT), words=PASSPORT),
    Pattern(
        "passport-french",
        "PASSPORT",
        r"\b[0-9]{2}[ -]?[A-Z]{2}[ -]?[0-9]{5}\b",
        document(_DIGITS_FIRST, PASSPORT),
        words=PASSPORT,
    ),
    Pattern(
        "passport-suffix", "PASSPORT", r"\b[0-9]{6,7}[ -]?[A-Z]{2}\b", document(_DIGITS_FIRST, PASSPORT), words=PASSPORT
    ),
    Pattern(
        "passport-mixed",
        "PASSPORT",
        rf"\b(?:[A-Z][A-Z0-9]|[0-9][A-Z])(?:{GAP}[A-Z0-9]){{6}}",
        document(_MIXED, PASSPORT, _mixed),
        words=PASSPORT,
    ),
)
