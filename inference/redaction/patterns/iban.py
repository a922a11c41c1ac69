"""International bank account numbers: length by country and ISO 7064 MOD 97-10 (ISO 13616, SWIFT registry 101), and those
of the African and Iranian banks that write theirs in the same way without being in the registry."""

from __future__ import annotations

import re
from typing import Final

from ..checks import mod97
from ..context import Words
from ..finding import VERIFIED
from .pattern import Pattern, Verified

_COUNTRIES_BY_LENGTH: Final = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
_UNREGISTERED_BY_LENGTH: Final = {
    25: "AO CV GW MZ",
    26: "DZ IR",
    27: "CF CG CM GA GQ KM MG TD",
    28: "BF BJ CI MA ML NE SN TG",
}
LENGTHS: Final = {
    country: length
    for table in (_COUNTRIES_BY_LENGTH, _UNREGISTERED_BY_LENGTH)
    for length, row in table.items()
    for country in row.split()
}
"""Characters of an IBAN by its two-letter country code."""

_SHAPES: Final = {
    # The country and the check digits, then the account with at most one separator before each character.
    length: re.compile(rf"[A-Za-z]{{2}}[0-9]{{2}}(?:[ .-]?[A-Za-z0-9]){{{length - 4}}}(?![A-Za-z0-9])")
    for length in _COUNTRIES_BY_LENGTH
}
TRIGGER: Final = r"\b[A-Za-z]{2}[0-9]{2}(?:[ .-]?[A-Za-z0-9]){9}"
_SEPARATORS: Final = {ord(separator): None for separator in " .-"}


def verify(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    length = LENGTHS.get(shadow[start : start + 2].upper())
    if length is None or (start and shadow[start - 1].isalnum()):
        return None
    shape = _SHAPES[length].match(shadow, start)
    if shape is None or not mod97(shape.group().translate(_SEPARATORS).upper()):
        return None
    return start, shape.end(), VERIFIED


_WORDS: Final = Words(
    "iban", "account", "bank", "konto", "compte", "cuenta", "conto", "conta", "rekening", "rachunek", "účet", "číslo účtu",
    "számla", "bankszámla", "bankkonto", "tili", "tilinumero", "λογαριασμός", "сметка", "sąskaita", "konts", "račun", "cont",
    stems=("kontonummer", "bankverbindung", "kontoverbindung", "bankrekening", "kontonum", "rekeningnummer", "bankgir"),
)  # fmt: skip

PATTERNS: Final = (Pattern("iban", "IBAN", TRIGGER, verify, context=_WORDS),)
