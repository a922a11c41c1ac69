"""Word lists: words and phrases of a policy, found by looking them up where one of them begins."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from .charset import ExpressionError, cased, fold, written

_GAP: Final = r"[\x09\x0a\x0d\x20]{1,4}"
"""Between two words of a phrase: a text may be wrapped there."""
_GATE_LENGTH: Final = 3
_SPACE: Final = re.compile(r"[\t\n\r ]{1,4}")


class WordList:
    """Finds any of `words` in any case, with up to four spaces or a line feed between the words of a phrase."""

    __slots__ = ("_lengths", "_words")

    def __init__(self, words: Iterable[str]) -> None:
        """`words` are `plain`."""
        self._words = frozenset(words)
        lengths: dict[str, set[int]] = {}
        for word in self._words:
            lengths.setdefault(word[:2], set()).add(len(word))
        self._lengths = {start: sorted(found, reverse=True) for start, found in lengths.items()}
        """By their first two characters, how long words can be, the longest first."""

    def at(self, shadow: str, start: int) -> int | None:
        """The end of the longest word that begins at `start` and stands alone: not in a longer word or number."""
        if start and _is_word(shadow[start - 1]):
            return None
        lengths = self._lengths.get(shadow[start : start + 2].lower())
        if lengths is None:
            return None
        piece = shadow[start : start + 2 * lengths[0] + 8].lower()
        plain = _SPACE.sub(" ", piece)
        for length in lengths:
            if plain[:length] in self._words and not _is_word(plain[length : length + 1]):
                return start + _original_length(piece, length)
        return None


def plain(word: str) -> str:
    """A word as it is looked up: folded, in lower case, with single spaces. Raises ExpressionError if it cannot be found so."""
    made = " ".join(fold(word).lower().split())
    if len(made) < 2:
        raise ExpressionError("must have two characters at least")
    return made


def gate(word: str) -> str:
    """The expression of how the folded `word` begins: enough of it to be rare, for an engine told to ignore case (which knows
    it of ASCII only). Wherever the word is, this is, at the same start."""
    parts = word.split(" ")
    count = next((count for count in range(1, len(parts)) if sum(map(len, parts[:count])) >= _GATE_LENGTH), len(parts))
    return _GAP.join("".join(map(_written_word, part)) for part in parts[:count])


def _original_length(piece: str, length: int) -> int:
    """How much of `piece` the first `length` characters are, once its spaces are single."""
    for space in _SPACE.finditer(piece):
        if space.start() >= length:
            break
        length += space.end() - space.start() - 1
    return length


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _written_word(character: str) -> str:
    return written(frozenset((ord(character),)) if character.isascii() else cased(ord(character)))
