"""Words right before a number that say that it is no person's: orders, invoices, products, telephones."""

from __future__ import annotations

import re
from typing import Final

from ...words.otherwise import STEMS, WHOLE

_OWN_STEMS: Final = """
    auftrag invoice artik serie kundenn customer account konto vertrag contract akten version build commit phone telefon telefo
    téléph mobil fax article produ checksum hash timestamp
"""
_STEMS: Final = (*STEMS, *_OWN_STEMS.split())
_WORDS: Final = frozenset(
    (
        "isbn",
        "issn",
        "ean",
        "gtin",
        "sku",
        "upc",
        "regon",
        "siren",
        "siret",
        "part",
        "model",
        "plz",
        "zip",
        "tel",
        "po",
        "rma",
    )
)
_NUMBER_WORDS: Final = frozenset(
    (
        "no",
        "nr",
        "num",
        "number",
        "nummer",
        "numer",
        "numero",
        "número",
        "numéro",
        "n",
        "nro",
        "id",
        "code",
        "kod",
        "c",
        "s",
    )
)
_WORD: Final = re.compile(r"[A-Za-z\xb5À-ÿ]+")
_DISTANCE: Final = 32


def named_otherwise(shadow: str, start: int) -> bool:
    """Whether the word right before `start`, words for "number" aside, says that the value is something else."""
    for word in reversed(_WORD.findall(shadow, max(0, start - _DISTANCE), start)):
        folded = word.lower()
        if folded not in _NUMBER_WORDS:
            return folded in _WORDS or folded in WHOLE or folded.startswith(_STEMS)
    return False
