"""Payment card numbers: issuer range, length, grouping and Luhn (ISO/IEC 7812)."""

from __future__ import annotations

import re
from typing import Final

from ..checks import luhn
from ..context import Words
from ..finding import VERIFIED
from .pattern import Pattern, Verified

_SCHEMES: Final = (
    # First and last issuer prefix, and the lengths in the order in which they are tried. Sources: ISO/IEC 7812 and the
    # schemes' own range tables. Thirteen-digit Visa numbers are left out: none is in use, and EAN-13 codes look the same.
    ("300", "305", (14,)),
    ("3095", "3095", (14,)),
    ("34", "34", (15,)),
    ("3528", "3589", (16, 19, 18, 17)),
    ("36", "36", (14, 16)),
    ("37", "37", (15,)),
    ("38", "39", (14, 16)),
    ("4", "4", (16, 19)),
    ("50", "50", (16, 19, 18, 17, 15, 14, 13)),
    ("51", "55", (16,)),
    ("56", "58", (16, 19, 18, 17, 15, 14, 13)),
    ("60", "60", (16, 19, 18, 17)),
    ("62", "62", (16, 19, 18, 17)),
    ("63", "63", (16, 19, 18)),
    ("644", "659", (16, 19, 18, 17)),
    ("67", "67", (16, 19, 18, 17, 15, 14, 13)),
    ("81", "82", (16, 19, 18, 17)),
    ("2200", "2204", (16, 19, 18, 17)),
    ("2221", "2720", (16,)),
    ("9792", "9792", (16,)),
)
_LENGTHS: Final = {
    str(prefix): lengths for first, last, lengths in _SCHEMES for prefix in range(int(first), int(last) + 1)
}
_SHAPES: Final = {length: re.compile(rf"[0-9](?:[ .-]?[0-9]){{{length - 1}}}(?!\w)") for length in range(13, 20)}
_GROUPED: Final = re.compile(
    r"[0-9]{4}([ .-])[0-9]{4}\1[0-9]{4}\1[0-9]{1,4}(?:\1[0-9]{1,3})?"  # most cards
    r"|[0-9]{4}([ .-])[0-9]{6}\2[0-9]{4,5}"  # American Express, Diners
    r"|[0-9]{6}([ .-])[0-9]{7,13}"  # issuer and account apart
)
_SEPARATORS: Final = {ord(separator): None for separator in " .-"}


def _lengths(prefix: str) -> tuple[int, ...]:
    for size in (1, 2, 3, 4):
        lengths = _LENGTHS.get(prefix[:size])
        if lengths is not None:
            return lengths
    return ()


def _verify(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    lengths = _lengths(shadow[start:end].translate(_SEPARATORS)[:4])
    if not lengths or (start and (shadow[start - 1].isalnum() or shadow[start - 1] in "+-_.")):
        return None
    for length in lengths:
        shape = _SHAPES[length].match(shadow, start)
        if shape is None:
            continue
        written = shape.group()
        digits = written.translate(_SEPARATORS)
        if luhn(digits) and (len(digits) == len(written) or _GROUPED.fullmatch(written)):
            return start, shape.end(), VERIFIED
    return None


_WORDS: Final = Words(
    "card", "visa", "mastercard", "maestro", "amex", "american express", "carte", "tarjeta", "carta", "cartão", "kort", "kaart",
    "karta", "kártya", "kortti", "карта", "κάρτα", "kortelė", "karte", "kartica", "cardul", "kaardi", "pan",
    stems=("creditcard", "kreditkart", "creditkaart", "kreditkort", "luottokort", "kartennummer", "kaartnummer", "kortnummer"),
)  # fmt: skip

PATTERNS: Final = (Pattern("card", "CARD", r"\b[2-689][0-9](?:[ .-]?[0-9]){10}", _verify, context=_WORDS),)
