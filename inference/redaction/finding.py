"""A finding: where personal data lies in a text, and of which type. It never holds the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TYPES: Final = (
    "EMAIL",
    "PHONE",
    "IBAN",
    "BIC",
    "CARD",
    "IP",
    "MAC",
    "URL_CREDENTIALS",
    "SECRET",
    "VAT",
    "NATIONAL_ID",
    "PASSPORT",
    "DRIVING_LICENCE",
    "DATE_OF_BIRTH",
    "HEALTH_INSURANCE",
    "VEHICLE",
    "CRYPTO",
    "LOCATION",
    "NAME",
    "ADDRESS",
)
"""The types that this version finds."""

IRREVERSIBLE: Final = frozenset({"CARD", "SECRET", "URL_CREDENTIALS"})
"""Types that are never put back into an answer unless a policy names them ``reversible``."""

VERIFIED: Final = 1.0
"""The score of a finding whose check digits (or structure, where a type has no check digits but a fixed form) hold."""

Span = tuple[int, int, str, float, str]
"""``(start, end, type, score, layer)``: a finding inside the scanner, where a tuple costs a fifth of a dataclass."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Personal data at ``text[start:end]``.

    `start` and `end` are offsets into the str that was given (code points, not bytes). `score` is in (0, 1];
    1 means that check digits were verified. `layer` names the part of the redactor that found it, one of `evidence.LAYERS`.
    """

    start: int
    end: int
    type: str
    score: float
    layer: str = "patterns"
