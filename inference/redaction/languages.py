"""Languages and the countries in which they are official: what a policy's languages say about countries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_COUNTRIES: Final = {
    "bg": "BG",
    "cs": "CZ",
    "da": "DK",
    "de": "DE AT CH LI LU BE IT",
    "el": "GR CY",
    "en": "GB IE MT US",
    "es": "ES",
    "et": "EE",
    "fi": "FI",
    "fr": "FR BE LU CH MC",
    "ga": "IE",
    "hr": "HR",
    "hu": "HU",
    "is": "IS",
    "it": "IT CH SM",
    "lt": "LT",
    "lv": "LV",
    "mt": "MT",
    "nb": "NO",
    "nl": "NL BE",
    "nn": "NO",
    "no": "NO",
    "pl": "PL",
    "pt": "PT",
    "ro": "RO",
    "sk": "SK",
    "sl": "SI",
    "sv": "SE FI",
}


def countries_of(languages: Iterable[str]) -> frozenset[str]:
    """ISO 3166 codes; none, which narrows nothing, if one of the languages is not known here."""
    found: set[str] = set()
    for language in languages:
        if language not in _COUNTRIES:
            return frozenset()
        found.update(_COUNTRIES[language].split())
    return frozenset(found)
