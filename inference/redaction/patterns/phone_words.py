"""Words before a number: those that announce a telephone number, and those that say it is something else."""

from __future__ import annotations

from typing import Final

from ..context import Words
from ..words.otherwise import STEMS, WHOLE


def _words(row: str) -> tuple[str, ...]:
    return tuple(row.split())


PHONE_THINGS: Final = Words(
    *(
        "id",
        "ids",
        "at",
        "on",
        "model",
        "price",
        "cost",
        "count",
        "maximum",
        "minimum",
        "max",
        "min",
        "type",
        "os",
        "version",
        "code",
        "pin",
        "bill",
        "hash",
        "ms",
        "date",
    ),
    *("uuid", "sku", "imei", "serial"),
    stems=("verif", "creat", "updat", "confirm", "valid"),
)
"""Words beside those that make it the name of something else: ``phone_verified_at``, "phone model"."""

# What these begin says what a number is, also with an ending: Bestellnummer, Rechnungsnr, orderNumber.
_STEMS: Final = STEMS + _words("""
    kundenn konton postleit steuer patent build commit regon version akten vertrag invoice artik serie zamowieni
""")
_WORDS: Final = WHOLE | frozenset(
    _words("id sku isbn issn ean gtin upc plz zip vat tax nip siret siren part model uid rev lot inc")
)
# Whose number it is says so only together with a word for "number": a customer has a telephone, too.
_OWNERS: Final = _words("account client customer kunde klant konto contract contrat member user case")
_NUMBER_WORDS: Final = frozenset(
    _words(
        "no nr num number nummer numer numero número numéro n code date nomer broj císlo stevilka nro numurs numeris"
    )
)
_BETWEEN: Final = " .:=\xb0\xba(\"'-_/"
_LETTERS: Final = "".join(chr(point) for point in range(256) if chr(point).isalpha())
_DISTANCE: Final = 36


def named_otherwise(shadow: str, start: int) -> bool:
    """Whether the word right before `start` says that the number is no telephone number: "Order no. 030…", "#0301…"."""
    word, before = _last_word(shadow[max(0, start - _DISTANCE) : start])
    numbered = word in _NUMBER_WORDS
    if numbered:
        word, before = _last_word(before)
    return word == "#" or word in _WORDS or word.startswith(_STEMS) or (numbered and word.startswith(_OWNERS))


def _last_word(text: str) -> tuple[str, str]:
    """The last word of `text` in lower case, or ``#`` when that stands after it, and what is before the word."""
    text = text.rstrip(_BETWEEN)
    if text.endswith("#"):
        return "#", text
    before = text.rstrip(_LETTERS)
    return text[len(before) :].lower(), before
