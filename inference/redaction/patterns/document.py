"""Documents: what passports, licences and insurance cards have in common. Their numbers have a form but rarely check digits, so
that a word nearby, or the name of a field or column, has to say what they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from ..context import Words, before, entitled, near, placed
from ..masks import bare, free, is_date, shape
from ..words.otherwise import THINGS
from .pattern import Verified, Verify

BY_CONTEXT: Final = 0.75
"""The score of a number that has the right form and the right word near it."""
_OTHER_WORDS: Final = """
    isbn tel fax sku plz zip postfach build version case case-id ttl timeout ms bytes size count fee price cost preis prix prezzo
    precio cena timestamp created updated iso din rfc verified lot hash
"""
_OTHER_STEMS: Final = "telef phone mobil track kundenn konton postleit commit"
_OTHERS: Final = THINGS | Words(*_OTHER_WORDS.split(), stems=_OTHER_STEMS.split())
"""Words between a document's name and a number, or in the name of its field, that say it is something else."""
_LISTED: Final = 6
"""Characters of a word with digits from which it may be another number of the same kind, in a list."""
_DIGIT: Final = re.compile("[0-9]")
_AMOUNT_AFTER: Final = re.compile(
    r"(?:,[0-9]{1,2})?(?: ?[$%\xa2-\xa5]| (?:EUR|USD|GBP|CHF|PLN|CZK|HUF|RON|SEK|NOK|DKK|euro)\b)"
)


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
        if score is None or is_date(shadow, start) or _AMOUNT_AFTER.match(shadow, value.end()):
            return None
        if not announced(shadow, start, value.end(), words):
            return None
        return start, value.end(), score

    return verify


def announced(shadow: str, start: int, end: int, words: Words) -> bool:
    """Whether `words` announce the value, and no other number or word for something else stands between."""
    if entitled(shadow, start, end, words):
        return not entitled(shadow, start, end, _OTHERS)
    if shadow[max(0, start - 3) : start].rstrip().endswith("#"):
        return False
    where = placed(shadow, start)
    ahead = before(shadow, start, where.scope) if where.telling else near(shadow, start, end)[0]
    for index in reversed(range(len(ahead))):
        word = ahead[index]
        if words.begin(ahead, index):
            return True
        if (len(word) < _LISTED and _DIGIT.search(word)) or _OTHERS.begin((word,), 0):
            return False
    return not where.telling and words.among_words(near(shadow, start, end)[1])


GAP: Final = r"(?:[ .-]| ?\n[ \t]{0,8})?"
"""Between two characters of a number, in a trigger."""
LETTERS_FIRST: Final = rf"\b[A-Z]{{1,3}}[ -]?[0-9](?:{GAP}[0-9]){{4}}"
"""Trigger: up to three letters and five digits."""
DIGITS: Final = r"\b[0-9](?:[ .-]?[0-9]){6}|\b[0-9]{3,6} ?\n[ \t]{0,8}[0-9]{3}"
"""Trigger: seven digits, or six broken over a line."""
