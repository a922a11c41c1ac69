"""Local parts of e-mail addresses that join two words of a name: "annaschmidt@…", "aschmidt@…"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from itertools import product
from typing import Final

from ..finding import Span
from .person import LETTER, UPPER
from .vocabulary import ROLES, bare

_WHOLE: Final = 0.8
_SHORTEST: Final = 3
_PAIR: Final = re.compile(rf"(?<![{LETTER}])(?=([{UPPER}][{LETTER}-]+) ([{UPPER}][{LETTER}-]+))")
_SPELLINGS: Final = (("ae", "a"), ("oe", "o"), ("ue", "u"), ("ss", "s"), ("aa", "a"))
"""How an address spells ä, ö, ü, ß, å and ø, and what these are in the fold."""


def spellings(word: str) -> set[str]:
    """`word` of an address, and what it may be in the fold of a text: "mueller" is Müller."""
    spelled = {word}
    for written, meant in _SPELLINGS:
        if written in word and len(word) > _SHORTEST:
            spelled.add(word.replace(written, meant))
    return spelled


_UMLAUTS: Final = {
    ord(letter): spelt
    for letter, spelt in zip(
        "äöüÄÖÜßøØåÅ", ["ae", "oe", "ue", "ae", "oe", "ue", "ss", "oe", "oe", "aa", "aa"], strict=True
    )
}


def _spelled(written: str) -> set[str]:
    """How a local part may spell a word of a text."""
    return {bare(written).replace("-", ""), bare(written.translate(_UMLAUTS)).replace("-", "")}


def joined_locals(text: str, spans: Sequence[Span]) -> Iterator[str]:
    """Local parts of one word, which may be two: "annaschmidt", "aschmidt", "schmidta"."""
    for start, end, kind, _, _ in spans:
        if kind == "EMAIL":
            local = bare(text[start:end]).rpartition("@")[0]
            if len(local) > 4 and local.isascii() and local.isalpha() and local not in ROLES:
                yield local


def _without_addresses(fold: bytes, spans: Sequence[Span]) -> bytes:
    pieces, done = [], 0
    for start, end in sorted(span[:2] for span in spans if span[2] == "EMAIL"):
        pieces.append(fold[done:start])
        done = end
    return b"@".join((*pieces, fold[done:]))


def _may_pair(fold: bytes, joined: Set[str]) -> bool:
    """Whether there may be a pair: all of a local part, turned round or not, is there but for spaces, or all but its first or last
    letter."""
    squeezed = fold.translate(None, b" -")
    for local in joined:
        for spelling in spellings(local):
            name = spelling.encode("ascii")
            if name[1:] in fold or name[:-1] in fold:
                return True
            twice = name + name
            if any(twice[first : first + len(name)] in squeezed for first in range(len(name))):
                return True
    return False


def pairs(text: str, fold: bytes, spans: Sequence[Span], joined: Set[str]) -> Iterator[Span]:
    """Two capitalised words of the text that make one of the `joined` local parts. `fold` is its fold, `spans` its findings."""
    # Every pair of capitalised words takes longer to look at than the scan, and there is most often none.
    if not _may_pair(_without_addresses(fold, spans), joined):
        return
    for match in _PAIR.finditer(text):
        for a, b in product(_spelled(match[1]), _spelled(match[2])):
            if not joined.isdisjoint((a + b, b + a, a[0] + b, a + b[0], b + a[0], b[0] + a)):
                yield match.start(1), match.end(2), "NAME", _WHOLE, "cues"
                break
