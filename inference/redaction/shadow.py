r"""The shadow of a text: a fold with one byte per character, in which typographic noise is gone.

Detection reads the shadow, replacement happens on the original. Because a shadow character is one byte, the byte offsets
of the scanner are offsets into the shadow; and because the fold keeps the length, they are offsets into the text too, save
where characters were dropped. What folds:

* decimal digits of every script, full-width and styled letters, ``＠`` and ``．`` to ASCII;
* Unicode spaces (no-break, narrow, ideographic …) to a space, dashes and the minus sign to ``-``, currency signs to ``\xa4``;
* letters above U+00FF to their base letter, Greek and Cyrillic ones to a Latin letter each, other cased letters to ``ÿ``,
  which is a letter to every pattern;
* zero-width characters, soft hyphens and combining marks to nothing;
* JSON's escapes (``\u0040``) to the fold of what they stand for, however often they were escaped themselves;
* everything else above U+00FF to U+001A, which no pattern accepts.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from bisect import bisect_left, bisect_right
from functools import lru_cache
from typing import Final, NamedTuple

_ASTRAL: Final = re.compile("[\U00010000-\U0010ffff]+")
_DROPPED: Final = "\xad"
"""The soft hyphen: dropped itself, so it also marks whatever else is to be dropped."""
_DROPPED_BYTE: Final = b"\xad"
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
_ESCAPE: Final = re.compile(r"\\{1,8}u([0-9A-Fa-f]{4})")


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


def _fold_missing(error: UnicodeError) -> tuple[str, int]:
    """The codec's handler of a run of characters that latin-1 does not have."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return error.object[error.start : error.end].translate(_FOLDS), error.end


_HANDLER: Final = "inference.redaction.shadow"
codecs.register_error(_HANDLER, _fold_missing)
_FEW: Final = 32
"""Where one character in this many, or fewer, is wide, folding run by run is the faster way."""
_MOST_PAGES: Final = 8
"""Pages of 256 characters up to which folding page by page is: Latin, Greek and Cyrillic text has two to four of them."""


@lru_cache(_MOST_PAGES * 4)
def _page(number: int) -> tuple[bytes, bytes]:
    """Two tables for `bytes.translate`: the fold of the low bytes of a page's characters, and the mask of its high byte."""
    points = range(number * 256, number * 256 + 256)
    fold = bytes(points) if number == 0 else "".join(map(_FOLDS.__getitem__, points)).encode("latin-1")
    return fold, bytes(0xFF if page == number else 0 for page in range(256))


def _narrow(text: str) -> bytes:
    """One byte per character, what is to be dropped as `_DROPPED`; no-break spaces are still there."""
    # How many are wide decides only which way is faster, so a sample tells well enough.
    sample = text[::_FEW]
    wide = len(sample) - len(sample.encode("latin-1", "ignore"))
    if wide * _FEW <= len(sample):
        return text.encode("latin-1", _HANDLER)
    units = text.encode("utf-16-le", "surrogatepass")
    if len(units) > 2 * len(text):
        text = _ASTRAL.sub(lambda run: run.group().translate(_FOLDS), text)
        units = text.encode("utf-16-le", "surrogatepass")
    low, high = units[::2], units[1::2]
    pages = set(high)
    if len(pages) > _MOST_PAGES:
        return text.encode("latin-1", _HANDLER)
    # Every page's fold of all characters, masked to those of the page: all at the speed of memory, however mixed they are.
    narrow = 0
    for number in pages:
        fold, mask = _page(number)
        narrow |= int.from_bytes(low.translate(fold), "little") & int.from_bytes(high.translate(mask), "little")
    return narrow.to_bytes(len(low), "little")


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

    def folded(self, start: int, end: int) -> tuple[int, int]:
        """The span of the fold that the original's ``[start:end]`` became; empty when all of it was dropped."""
        if not self.drops:
            return start, end
        return start - self._dropped_before(start), end - self._dropped_before(end)

    def _dropped_before(self, offset: int) -> int:
        drops = self.drops
        return bisect_left(range(len(drops)), offset, key=lambda earlier: drops[earlier] + earlier)


def _folded_escape(escape: re.Match[str]) -> str:
    """What an escape stands for, and the rest of it as characters that are dropped."""
    return chr(int(escape.group(1), 16)) + _DROPPED * (len(escape.group()) - 1)


def unescaped(text: str) -> str:
    """`text` with what its escapes stand for, but for halves of characters."""
    return _ESCAPE.sub(_character, text) if "\\u" in text else text


def _character(escape: re.Match[str]) -> str:
    point = int(escape.group(1), 16)
    return escape.group() if 0xD800 <= point < 0xE000 else chr(point)


def escape_end(text: str, end: int) -> int:
    """`end` of a span, moved behind the escape whose first character the span ends with, if it does."""
    escape = _ESCAPE.match(text, end - 1)
    return escape.end() if escape else end


def cast(text: str) -> Shadow:
    """The shadow of `text`. Any str will do, lone surrogates included. About 0.2 µs, and 15 ns a character where many are
    above U+00FF."""
    if "\\u" in text:
        text = _ESCAPE.sub(_folded_escape, text)
    if text.isascii():
        return Shadow(text, text.encode("ascii"), ())
    data = _narrow(text).replace(b"\xa0", b" ")
    drops: tuple[int, ...] = ()
    if _DROPPED_BYTE in data:
        marks = [match.start() for match in re.finditer(_DROPPED_BYTE, data)]
        drops = tuple(mark - earlier for earlier, mark in enumerate(marks))
        data = data.replace(_DROPPED_BYTE, b"")
    return Shadow(data.decode("latin-1"), data, drops)
