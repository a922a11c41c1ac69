"""The United Kingdom, Ireland."""

from __future__ import annotations

from typing import Final

from ...checks import weighted_sum
from ...context import Words
from .form import GAP, SEVEN_AND_LETTER, TEN, groups, parts
from .identifier import TOLD, identifier

_NHS: Final = (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)
_UTR: Final = (6, 7, 8, 9, 10, 5, 4, 3, 2)
_UTR_CHECKS: Final = "21987654321"
_PPS: Final = (8, 7, 6, 5, 4, 3, 2)
_PPS_CHECKS: Final = "WABCDEFGHIJKLMNOPQRSTUV"
_NO_PREFIXES: Final = frozenset(("BG", "GB", "KN", "NK", "NT", "TN", "ZZ"))


def national_insurance(number: str) -> bool:
    """UK National Insurance number: the prefix is one that HMRC allocates (NIM39110). There is no check digit."""
    return number[:2] not in _NO_PREFIXES


def nhs(number: str) -> bool:
    """NHS number of England, Wales and the Isle of Man: the weighted sum is a multiple of 11."""
    return weighted_sum(number, _NHS) % 11 == 0 and number.strip("0") != ""


def utr(number: str) -> bool:
    """UK unique taxpayer reference: the first digit checks the nine others modulo 11."""
    return _UTR_CHECKS[weighted_sum(number[1:], _UTR) % 11] == number[0]


def pps(number: str) -> bool:
    """Irish PPS number: the letter is the weighted sum modulo 23, a second letter A to I counting nine times its place in the
    alphabet (since 2013). W, T and X as second letter are of an older kind and count nothing."""
    second = number[8:]
    value = 9 * (ord(second) - 64) if second and second < "J" else 0
    return _PPS_CHECKS[(weighted_sum(number, _PPS) + value) % 23] == number[7]


PATTERNS: Final = (
    identifier(
        "gb-national-insurance",
        "GB",
        parts("[0-9]{2}", "[0-9]{2}", "[0-9]{2}", "[A-D]") + r"\b",
        rf"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]{GAP}{groups(2, 2, 2)}{GAP}[A-D]",
        national_insurance,
        Words("nino", "ni number", "ni no", "national insurance", "nat ins", "n i number", "insurance number"),
        lead=12,
        telling="[^a-z]*",
        alone=TOLD,
    ),
    identifier(
        "gb-nhs",
        "GB",
        TEN,
        groups(3, 3, 4),
        nhs,
        Words("nhs", "nhs number", "nhs no", "chi number", "health and care number"),
    ),
    identifier(
        "gb-utr",
        "GB",
        TEN,
        f"{groups(5, 5)}|{groups(3, 3, 4)}",
        utr,
        Words("utr", "unique taxpayer", "taxpayer reference", "self assessment", "hmrc reference", "hmrc"),
    ),
    identifier(
        "ie-pps",
        "IE",
        SEVEN_AND_LETTER,
        rf"[0-9]{{7}}(?:{GAP}|-)[A-W](?:[A-I]|[WTX])?",
        pps,
        Words("pps", "ppsn", "pps number", "pps no", "personal public service", "uimhir psp", "psp", "uimhir pps",
              "uimhir phearsanta", "public service number", "rsi number"),
        telling="[0-9]{7} ?[A-Z]{1,2}",
    ),
)  # fmt: skip
