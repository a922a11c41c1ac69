"""Words before a number: those that announce a telephone number, and those that say it is something else."""

from __future__ import annotations

from typing import Final


def _words(row: str) -> tuple[str, ...]:
    return tuple(row.split())


PHONE_WORDS: Final = "|".join(
    _words("""
    tel tele(?:ph|f)on[a-z]{0,7} téléphone teléfono telemóvel phone mobile? mobil[a-z]{0,6} móvil portable handy
    handynummer cell cellular cellulare gsm fax rufnummer rückruf durchwahl hotline whatsapp komorka komórka puhelin puh tlf
    """)
)
"""Expression of the words after which a run of digits is a telephone number."""

# What these begin says what a number is, also with an ending: Bestellnummer, Rechnungsnr, orderNumber.
_STEMS: Final = _words("""
    order bestell auftrag rechnung invoice factur fattur pedido commande ordine zamowieni zamówieni ticket referen référen
    artik articl serie serial tracking sendung kundenn konton vertrag akten version postleit steuer patent build commit regon
""")
_WORDS: Final = frozenset(
    _words("id ref sku isbn issn ean gtin upc plz zip vat tax nip siret siren part model uid rev")
)
# Whose number it is says so only together with a word for "number": a customer has a telephone, too.
_OWNERS: Final = _words("account client customer kunde klant konto contract contrat member user case")
_NUMBER_WORDS: Final = frozenset(_words("no nr num number nummer numer numero número numéro n code date"))
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
