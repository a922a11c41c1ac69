r"""The shadow of a text: a fold with one byte per character, in which typographic noise is gone.

Detection reads the shadow, replacement happens on the original. Because a shadow character is one byte, the byte offsets
of the scanner are offsets into the shadow; and because the fold keeps the length, they are offsets into the text too, save
where characters were dropped. What folds:

* decimal digits of every script, full-width and styled letters, ``＠`` and ``．`` to ASCII;
* Unicode spaces (no-break, narrow, ideographic …) to a space, dashes and the minus sign to ``-``, currency signs to ``\xa4``;
* letters above U+00FF to their base letter, Greek and Cyrillic ones to a Latin letter each, other cased letters to ``ÿ``,
  which is a letter to every pattern;
* zero-width characters, soft hyphens and combining marks to nothing;
* everything else above U+00FF to U+001A, which no pattern accepts.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from typing import Final, NamedTuple

_WIDE: Final = re.compile("[^\x00-\xff]+")
_DROPPED: Final = "\xad"
"""The soft hyphen: dropped itself, so it also marks whatever else is to be dropped."""
_OPAQUE: Final = "\x1a"
_LETTER: Final = "\xff"
_STROKED: Final = dict(zip("łŁđĐıŋœŒħĦŧŦ", "lLdDinoOhHtT", strict=True))
"""Letters with a stroke or ligature, which Unicode does not decompose."""
_LETTERS: Final = dict(
    zip(
        "αβγδεζηθικλμνξοπρσςτυφχψωабвгдежзийклмнопрстуфхцчшщъыьэюя",
        "abgdezhqiklmnjoprsstufxywabvgdejziiklmnoprstufxccssyyyeua",
        strict=True,
    )
)
"""Greek and Cyrillic letters, one for one, so that words in these scripts can be told from one another."""
_CACHE_LIMIT: Final = 8192


def _fold(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cf", "Mn", "Me"):
        return _DROPPED
    if category == "Pd" or character == "\u2212":
        return "-"
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Zs":
        return " "
    if category in ("Zl", "Zp"):
        return "\n"
    if category == "Sc":
        return "\xa4"
    base = _STROKED.get(character) or unicodedata.normalize("NFKD", character)[0]
    if base > "\xff":
        lower = _LETTERS.get(base.lower())
        if lower is not None:
            return lower.upper() if base.isupper() else lower
    if base <= "\xff" and base != _DROPPED:
        return base
    return _LETTER if category in ("Lu", "Ll", "Lt", "Lm") else _OPAQUE


class _Folds(dict[int, str]):
    """A translation table that fills itself; bounded, so that a hostile text cannot make it grow."""

    def __missing__(self, point: int) -> str:
        folded = _fold(chr(point))
        if len(self) < _CACHE_LIMIT:
            self[point] = folded
        return folded


_FOLDS: Final = _Folds()


def _fold_run(match: re.Match[str]) -> str:
    return match.group().translate(_FOLDS)


class Shadow(NamedTuple):
    """`text` and `data` are the fold as str and as latin-1 bytes. `drops` are the offsets in the fold, ascending, before
    which a character of the original is missing; it is empty for nearly every text."""

    text: str
    data: bytes
    drops: tuple[int, ...]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original text that ``text[start:end]`` is the fold of; `end` must be above `start`."""
        if not self.drops:
            return start, end
        return start + bisect_right(self.drops, start), end + bisect_right(self.drops, end - 1)


def cast(text: str) -> Shadow:
    """The shadow of `text`. Any str will do, lone surrogates included. About 0.1 µs plus 15 ns a folded character."""
    if text.isascii():
        return Shadow(text, text.encode("ascii"), ())
    try:
        text.encode("latin-1")
        folded = text.replace("\xa0", " ")
    except UnicodeEncodeError:  # it has wide characters, and costs more
        folded = _WIDE.sub(_fold_run, text).replace("\xa0", " ")
    drops: tuple[int, ...] = ()
    if _DROPPED in folded:
        marks = [match.start() for match in re.finditer(_DROPPED, folded)]
        drops = tuple(mark - earlier for earlier, mark in enumerate(marks))
        folded = folded.replace(_DROPPED, "")
    return Shadow(folded, folded.encode("latin-1"), drops)
