"""Context: whether words near a value say what it is. Looked at only where a candidate asks, so that ordinary text costs nothing.

Words are written as people write them, in any script, and folded as the text is (`shadow.cast`), to lower case. A phrase is words
with single spaces. A stem stands for every word that begins with it: compounds and endings are the rule in most languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from .shadow import cast

BEFORE: Final = 48
"""Characters before a value in which a word may announce it."""
AFTER: Final = 24
"""Characters after it, on the same line, for "… (BSN)"."""
_WORD: Final = re.compile(r"[0-9A-Za-z\xc0-\xd6\xd8-\xf6\xf8-\xff]+")
_LONGEST_PHRASE: Final = 5


class Words:
    """A set of words, phrases and stems that mean one thing, whatever the language.

    >>> TAX = Words("steuer-id", "codice fiscale", stems=("steueridentifikation",))
    """

    __slots__ = ("_phrases", "_stems")

    def __init__(self, *words: str, stems: Iterable[str] = ()) -> None:
        self._phrases = frozenset(" ".join(_split(word)) for word in words)
        self._stems = tuple(" ".join(_split(stem)) for stem in stems)

    def __or__(self, other: Words) -> Words:
        joined = Words()
        joined._phrases = self._phrases | other._phrases
        joined._stems = self._stems + other._stems
        return joined

    def among(self, text: str) -> bool:
        """Whether one of them is in `text`, a piece of a shadow."""
        words = _split(text)
        for first in range(len(words)):
            if self._stems and words[first].startswith(self._stems):
                return True
            phrase = ""
            for word in words[first : first + _LONGEST_PHRASE]:
                phrase = f"{phrase} {word}" if phrase else word
                if phrase in self._phrases:
                    return True
        return False


def named(shadow: str, start: int, end: int, words: Words) -> bool:
    """Whether one of the `words` announces the value at ``shadow[start:end]``: before it, or right after it on its line.

    What comes before may stand on the line above ("IBAN:" and a line feed), and may be a JSON key, a form's or a header's name:
    its camelCase and snake_case words count one by one and together.
    """
    first = max(0, start - BEFORE)
    # A word that the window cuts in half says nothing.
    cut = _WORD.match(shadow, first, start) if first and shadow[first - 1].isalnum() else None
    if words.among(shadow[cut.end() if cut else first : start]):
        return True
    after = shadow[end : end + AFTER]
    return words.among(after.partition("\n")[0])


_HUMP: Final = re.compile(r"(?<=[a-z\xdf-\xff])(?=[A-Z\xc0-\xde])")


def _split(text: str) -> list[str]:
    """The words of a text in lower case, camelCase cut at its humps."""
    folded = cast(text).text
    return [word.lower() for word in _WORD.findall(_HUMP.sub(" ", folded))]
