"""Documents: what passports, licences and insurance cards have in common. Their numbers have a form but rarely check digits, so
that a word nearby, or the name of a field or column, has to say what they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from ..context import Words, called, entitled, near
from ..masks import bare, free, is_date, shape
from .pattern import Verified, Verify

BY_CONTEXT: Final = 0.75
"""The score of a number that has the right form and the right word near it."""
_OTHERS: Final = Words(
    *(
        "order",
        "ticket",
        "isbn",
        "invoice",
        "tel",
        "fax",
        "sku",
        "plz",
        "zip",
        "po box",
        "postfach",
        "build",
        "version",
    ),
    stems=(
        *(
            "bestell",
            "auftrag",
            "rechnung",
            "factur",
            "fattur",
            "pedido",
            "commande",
            "telef",
            "phone",
            "mobil",
            "zamówien",
        ),
        *("track", "sendung", "kundenn", "konton", "postleit", "ordin", "faktur", "commit"),
    ),
)
"""Words right before a number that say it is something else, whatever stands further away."""
_CLOSE: Final = 3


def document(
    masks: Iterable[str], words: Words, judge: Callable[[str], float | None] = lambda value: BY_CONTEXT
) -> Verify:
    """The check of numbers that have one of the `masks` and that `words` announce. `judge` scores the bare number, or drops it."""
    form = shape(masks)

    def verify(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
        value = form.match(shadow, start)
        if value is None or not free(shadow, start):
            return None
        score = judge(bare(value.group()))
        if score is None or is_date(shadow, start) or not announced(shadow, start, value.end(), words):
            return None
        return start, value.end(), score

    return verify


def announced(shadow: str, start: int, end: int, words: Words) -> bool:
    """Whether `words` announce the value, and no word for something else stands between."""
    if entitled(shadow, start, end, words):
        return True
    if not called(shadow, start, end, words):
        return False
    close = near(shadow, start, end)[0][-_CLOSE:]
    for index in reversed(range(len(close))):
        if _OTHERS.among_words(close[index : index + 1]):
            return False
        if words.among_words(close[index:]):
            return True
    return True


GAP: Final = r"(?:[ .-]| ?\n[ \t]{0,8})?"
"""Between two characters of a number, in a trigger."""
LETTERS_FIRST: Final = rf"\b[A-Z]{{1,3}}[ -]?[0-9](?:{GAP}[0-9]){{4}}"
"""Trigger: up to three letters and five digits."""
DIGITS: Final = r"\b[0-9](?:[ .-]?[0-9]){6}|\b[0-9]{3,6} ?\n[ \t]{0,8}[0-9]{3}"
"""Trigger: seven digits, or six broken over a line."""
