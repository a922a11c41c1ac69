"""Phrases: sets of cue words in many languages, as a trigger for the scanner and as a lookup at a hit.

The scanner reports only where a hit ends: with starts known, sets of this size are too large for it.
"""

from __future__ import annotations

import re
from typing import Final

from .vocabulary import fold, longest_first

_SHORT: Final = 4
_WORD_BEGINS: Final = re.compile(r"(?<![0-9A-Za-z_\xc0-\xff])[^\s]")


class Phrases:
    """Phrases as people write them, separated by ``|``. With `caseless` (written in lower case then) any capitals will do."""

    def __init__(self, phrases: str, *, caseless: bool = False) -> None:
        folded = {phrase.lower() if caseless else phrase for phrase in fold(phrases)}
        self._caseless = caseless
        self.phrases = frozenset(folded)
        """As they stand in a shadow."""
        self._longest = max(map(len, folded))
        alternatives = "|".join(
            sorted({_written(phrase) if caseless else re.escape(phrase) for phrase in folded}, key=longest_first)
        )
        self.trigger = f"(?i:{alternatives})" if caseless else f"(?:{alternatives})"
        """Vectorscan expression of any of them."""

    def before(self, shadow: str, end: int) -> int | None:
        """Where the longest of them that ends at `end` begins, at a word's beginning; None if none does."""
        for word in _WORD_BEGINS.finditer(shadow, max(0, end - self._longest), end):
            phrase = shadow[word.start() : end]
            if (phrase.lower() if self._caseless else phrase) in self.phrases:
                return word.start()
        return None


def _written(phrase: str) -> str:
    """An expression of a phrase in any capitals. To the scanner only ASCII letters are letters: others have no other case, and no
    word begins with them, so that "üdvözlettel" is looked for from its second letter; of "út" too little would be left."""
    if not phrase[0].isascii() and len(phrase) > _SHORT:
        phrase = phrase[1:]
    return "".join(
        re.escape(letter) if letter.isascii() or letter in "\xdf\xff" else f"[{letter}{letter.upper()}]"
        for letter in phrase
    )


def gap_before(shadow: str, end: int) -> int:
    """Where the spaces, and at most one line feed among them, that end at `end` begin."""
    return end - len(shadow[max(0, end - 8) : end]) + len(shadow[max(0, end - 8) : end].rstrip(" \t\r\n"))
