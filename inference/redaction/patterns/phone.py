"""Telephone numbers: E.164 in every punctuation, national forms with a trunk zero or a telling grouping, and what follows
a word such as "Tel." A number right after a word such as "order", a date, an amount or a version is none."""

from __future__ import annotations

import re
from typing import Final

from ..context import entitled, split
from ..words.phone import FRAGMENT, PHONE_CUES, PHONE_NAMES
from .pattern import Pattern, Verified
from .phone_plan import BY_LANGUAGE, GROUPED, LENGTHS, PAIRS, SHORT_TRUNK, TRUNK
from .phone_words import PHONE_THINGS, named_otherwise

_SEPARATOR: Final = r"(?: ?[./-] ?|\) ?[/-]? ?| ?\(| {1,2})"
_RUN: Final = re.compile(rf"[0-9]+(?:{_SEPARATOR}[0-9]+)*")
_RUN_LONGEST: Final = 60
_DIGITS: Final = re.compile(r"[0-9]+")
_TRUNK_START: Final = re.compile(r"0(?:\) ?)?[1-9]")
"""Also (0)30, but neither 0.25 nor 0-3."""
_DAY: Final = "(?:0?[1-9]|[12][0-9]|3[01])"
_DATE: Final = re.compile(
    rf"{_DAY}([./ -]){_DAY}\1(?:19|20)?[0-9]{{2}}(?![0-9]|\1[0-9]{{2}}(?![0-9]))"  # but not 01 23 45 67 89
    rf"|(?:19|20)[0-9]{{2}}([./-])[01]?[0-9]\2{_DAY}(?![0-9])"
    r"|(?:19|20)[0-9]{2} ?[/-] ?(?:19|20)[0-9]{2}(?![0-9])"  # a span of years
    r"|[0-2]?[0-9]\.[0-5][0-9] ?- ?[0-2]?[0-9]\.[0-5][0-9](?![0-9])"  # opening hours
)
_FRACTION: Final = re.compile(r"[.,][0-9]")
_GROUP_BEFORE: Final = re.compile(r"[0-9] \Z")
_FOUR: Final = re.compile(r"[0-9]{4}(?![0-9])")
_NOT_ZERO: Final = frozenset("123456789")
_DATE_INSIDE: Final = re.compile(rf"(?<![0-9]){_DAY}[./-]{_DAY}[./-](?:19|20)[0-9]{{2}}(?![0-9])")
_AMOUNT: Final = re.compile(r"[1-9][0-9]{0,2}(?:[ .][0-9]{3})+")
_AMOUNT_AFTER: Final = re.compile(
    r"[.,][0-9]|[ .][0-9]{3}(?![0-9])|\s?(?:[$%\xa2-\xa5\xb0]|EUR|USD|GBP|CHF|PLN|zl|kr|euro|dollar|mio|mill)"
    r"|\s(?:habitant|inwoner|einwohn|people|units)",
    re.IGNORECASE,
)
_AMOUNT_BEFORE: Final = re.compile(r"(?:[$\xa2-\xa5]|EUR|USD|GBP|CHF|PLN|[0-9][ .,]?)\s?\Z")

_ALL_DIGITS: Final = "0123456789"

_MOST_DIGITS: Final = 13
_WHOLE: Final = 8
"""Digits after which a slash is between two numbers, not behind an area code."""
_FOURS: Final = re.compile(r"[0-9]{4}(?:[ -][0-9]{4}){3}(?![0-9])")
_PART: Final = re.compile(r"[0-9]{7,}-[0-9]{1,2}")
"""How orders and parts are written, and telephone numbers hardly."""
_SUM: Final = re.compile(r"\+ ?\(?[0-9]{1,3}\.[0-9]+(?![0-9]| ?[0-9./-])")
_COUNTED: Final = "".join(f"{number:02}" for number in range(32))
_VERSION: Final = re.compile(r"\.[0-9](?![0-9])")
"""A part of a single digit."""
_ONE_BEFORE: Final = re.compile(r"(?<![0-9A-Za-z.,/-])1[ .-]\(?\Z")
"""What America dials before the area code."""
_AMERICAN: Final = 12
"""Characters of an American number at least, with its separators."""
_FEW_DIGITS: Final = 3
"""Different digits up to which a number is made up, or octal: 017777777777."""
_CODE_BEFORE: Final = re.compile(r"\(([1-9][0-9]{0,2})\) ?\Z")
_CODED: Final = re.compile(r"\(([1-9][0-9]{1,2})\) ?")
_SIX: Final = re.compile(r"[0-9](?:[ ().\-/]{0,3}[0-9]){5}\Z")
_SIX_LONGEST: Final = 21
_CUE_REACH: Final = 40
"""Characters before a number in which the word is that announces it."""
_SINCE: Final = re.compile(r"[^\n0-9]*\Z")
_FIRST_OF_TWO: Final = re.compile(r"[+(]*[0-9][0-9 ()./-]{4,20}[0-9] ?(?:[/,;|+&]|[a-z\xe0-\xff]{1,5}) ?\(?\Z")
_FIRST_LONGEST: Final = 34
_CELL_ENDS: Final = re.compile(r"[)]?[ \t]{0,3}(?:[\r\n;|\t\"'<,}\]/&]|\Z)")
_SCORE_INTERNATIONAL: Final = 0.9
_SCORE_CUED: Final = 0.85
_SCORE_SHORT: Final = 0.8
_SCORE_NATIONAL: Final = 0.7


def _groups(shadow: str, start: int, most: int) -> list[tuple[int, str]]:
    """``(end, digits so far)`` after each group of the digit run at `start`, up to `most` digits in all."""
    groups: list[tuple[int, str]] = []
    run = _RUN.match(shadow, start, start + _RUN_LONGEST)
    digits = ""
    for group in _DIGITS.finditer(shadow, start, run.end() if run else start):
        if len(digits) >= _WHOLE and "/" in shadow[groups[-1][0] : group.start()]:
            break  # another number: 041 073 734 / 030 523 512
        digits += group.group()
        if len(digits) > most:
            break
        groups.append((group.end(), digits))
    return groups


def _opened(shadow: str, start: int) -> int:
    return start - 1 if start and shadow[start - 1] == "(" else start


def _free(shadow: str, start: int, end: int) -> bool:
    """Whether ``shadow[start:end]`` stands alone: not in a longer number, word, path or identifier, nor named as such."""
    if start:
        before, earlier = shadow[start - 1], shadow[start - 2 : start - 1]
        if before.isalnum() or before in "_+@":
            return False
        if before in "-./,:" and (earlier.isdigit() or (before != ":" and earlier.isalpha())):
            return False
    after = shadow[end : end + 2]
    if after[:1].isalnum() or after[:1] in ("_", "@") or (after[:1] in ("-", "/", ":") and after[1:].isalnum()):
        return False
    return not (_amid_digits(shadow, start, end) or named_otherwise(shadow, start))


def _amid_digits(shadow: str, start: int, end: int) -> bool:
    """Whether ``shadow[start:end]`` is the inside of a longer row of digit groups (a tracking number, a table, an IBAN)."""
    if not _GROUP_BEFORE.search(shadow, max(0, start - 6), start):
        return False
    fours = _FOUR.match(shadow, start) is not None and shadow[start - 5 : start - 1].isdigit()
    return fours or (shadow[end : end + 1] == " " and shadow[end + 1 : end + 2] in _NOT_ZERO)


def _international(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    plus = shadow[start] == "+"
    if start and (shadow[start - 1].isalnum() or shadow[start - 1] in "+_.,"):
        return None
    first = _DIGITS.search(shadow, start + (1 if plus else 2), end)
    if first is None:
        return None
    groups = _groups(shadow, first.start(), 20)
    digits = groups[-1][1] if groups else ""
    code = next((digits[:size] for size in (1, 2, 3) if digits[:size] in LENGTHS), None)
    if code is None:
        return None
    if plus and shadow[start + 1] in " (" and (len(groups) < 2 or _SUM.match(shadow, start)):
        return None  # an addition
    least, most = LENGTHS[code]
    # "+49 (0)30": the zero is dialled only inside the country. Italy's is part of the number, and others' are dialled by mistake.
    trunk = code != "39" and digits[len(code) : len(code) + 1] == "0"
    for stop, digits in reversed(groups):
        size = len(digits) - len(code)
        if least <= size - trunk <= most or (trunk and size == least):
            if shadow[stop : stop + 1].isalnum() or not (plus or _free(shadow, start, stop)):
                return None
            if shadow[stop - 2] == "." or (stop == groups[0][0] and _FRACTION.match(shadow, stop)):
                return None  # a decimal fraction
            return _opened(shadow, start), stop, _SCORE_INTERNATIONAL
    return None


def _trunk(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    if not _TRUNK_START.match(shadow, start):
        return None
    groups = _groups(shadow, start, _MOST_DIGITS)
    if not groups or _DATE.match(shadow, start) or _FOURS.match(shadow, start):
        return None
    pairs = PAIRS.match(shadow, start)
    for stop, digits in reversed(groups):
        short = SHORT_TRUNK.fullmatch(digits) and shadow[groups[0][0] : groups[0][0] + 1] in (")", "/")
        if short or ((pairs is None or stop == pairs.end()) and TRUNK.fullmatch(digits)):
            start = _opened(shadow, start)
            if shadow[start:stop] == _ALL_DIGITS or _DATE_INSIDE.search(shadow, start, stop):
                return None
            if _PART.fullmatch(shadow, start, stop) or len(set(digits)) <= _FEW_DIGITS or digits in _COUNTED:
                return None
            return (start, stop, _SCORE_NATIONAL) if _free(shadow, start, stop) else None
    return None


def _grouped(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    form = GROUPED.match(shadow, start)
    if form is None or _DATE.match(shadow, start):
        return None
    start, stop = _opened(shadow, start), form.end()
    one = _ONE_BEFORE.search(shadow, max(0, start - 4), start) if stop - start >= _AMERICAN else None
    if one is not None:
        start = one.start()
    if _AMOUNT_AFTER.match(shadow, stop) or _AMOUNT_BEFORE.search(shadow, max(0, start - 5), start):
        return None
    code = _CODE_BEFORE.search(shadow, max(0, start - 6), start)
    if code is not None and _is_whole(code.group(1), shadow[start:stop]):
        start = code.start()
    return (start, stop, _SCORE_NATIONAL) if _free(shadow, start, stop) else None


def _is_whole(code: str, number: str) -> bool:
    """Whether the `number` has as many digits as the country with that `code` gives its own."""
    least, most = LENGTHS.get(code, (0, 0))
    return least <= sum(map(str.isdigit, number)) <= most


def _coded(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    """A country's code in brackets: (351) 938337040."""
    code = _CODED.match(shadow, start)
    if code is None:
        return None
    for stop, digits in reversed(_groups(shadow, code.end(), _MOST_DIGITS)):
        if _is_whole(code.group(1), digits):
            return (start, stop, _SCORE_NATIONAL) if _free(shadow, start, stop) else None
    return None


def _by_language(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    form = BY_LANGUAGE.get(language or "")
    if form is None or not form.fullmatch(shadow, start, end) or _AMOUNT_AFTER.match(shadow, end):
        return None
    return (start, end, _SCORE_NATIONAL) if _free(shadow, start, end) else None


def _first_digit(shadow: str, end: int) -> int:
    """Where the first of the six digits stands that end at `end`."""
    six = _SIX.search(shadow, max(0, end - _SIX_LONGEST), end)
    return end if six is None else six.start()


def _words_before(shadow: str, begin: int) -> list[str]:
    """The words between `begin` and the line feed or the number before it, as far as a cue may be away; none where they are the
    name of something else than a number (``phone_verified_at``)."""
    since = _SINCE.search(shadow, max(0, begin - _CUE_REACH), begin)
    words = split(since.group()) if since else []
    return [] if since and "_" in since.group() and PHONE_THINGS.among_words(words) else words


def _cued(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    digit = _first_digit(shadow, end)
    begin = _opened(shadow, digit)
    if shadow[begin - 1 : begin] in ("+", "_") or shadow[begin - 1 : begin].isalnum():
        return None
    words = _words_before(shadow, begin)
    if not PHONE_CUES.among_words(words) or named_otherwise(shadow, begin):
        return None
    groups = _groups(shadow, digit, _MOST_DIGITS)
    if _DATE.match(shadow, digit) or (groups and _VERSION.search(shadow, digit, groups[-1][0])):
        return None
    near = PHONE_CUES.among_words(words[-2:])
    for stop, digits in reversed(groups):
        if 6 <= len(digits) <= _MOST_DIGITS:
            amount = _AMOUNT_AFTER.match(shadow, stop) or (not near and _AMOUNT.fullmatch(shadow, digit, stop))
            if amount or shadow[stop : stop + 1].isalnum() or _DATE_INSIDE.search(shadow, digit, stop):
                return None
            return begin, stop, _cued_score(shadow[digit:stop], digits)
    return None


def _cued_score(written: str, digits: str) -> float:
    """A short one in groups may be a part: of what goes on in the next line."""
    return _SCORE_CUED if len(digits) > _WHOLE or written.isdigit() else _SCORE_SHORT


def _listed(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    """The second of two numbers after one word: "Tel. 453 62 829 / 471 32 494"."""
    digit = _first_digit(shadow, end)
    begin = _opened(shadow, digit)
    first = _FIRST_OF_TWO.search(shadow, max(0, begin - _FIRST_LONGEST), begin)
    if first is None or not PHONE_CUES.among_words(_words_before(shadow, first.start())):
        return None
    return _run_of(shadow, begin, digit)


def _placed(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    """Whatever digits fill a cell, a key's value or a field whose name says that it is a telephone number."""
    digit = _first_digit(shadow, end)
    value = _run_of(shadow, _opened(shadow, digit), digit)
    if value is None or not _CELL_ENDS.match(shadow, value[1]):
        return None
    if not entitled(shadow, value[0], value[1], PHONE_NAMES) or entitled(shadow, value[0], value[1], PHONE_THINGS):
        return None
    return value


def _run_of(shadow: str, begin: int, digit: int) -> Verified | None:
    """The longest number whose first digit is at `digit`; no date, no amount, no word's part."""
    if _DATE.match(shadow, digit):
        return None
    for stop, digits in reversed(_groups(shadow, digit, _MOST_DIGITS)):
        if len(digits) >= 6:
            if _AMOUNT_AFTER.match(shadow, stop) or shadow[stop : stop + 1].isalnum():
                return None
            return begin, stop, _cued_score(shadow[digit:stop], digits)
    return None


_GAP: Final = r"[ ().\-/]{0,3}"
PATTERNS: Final = (
    Pattern("phone-international", "PHONE", rf"(?:\+|\b00) ?\(?[1-9](?:{_GAP}[0-9]){{6}}", _international),
    Pattern("phone-trunk", "PHONE", rf"\b0(?:{_GAP}[0-9]){{7}}", _trunk),
    Pattern(
        "phone-grouped",
        "PHONE",
        r"\b[1-9][0-9](?:[0-9]\)?[ .-]{1,2}[0-9]{3}[ .-][0-9]{3}|[0-9][ -][0-9]{2}[ -][0-9]{2}[ -][0-9]{2}|"
        r"[0-9][ /-][0-9]{6}|\)?[ -][0-9]{3}[ -](?:[0-9]{2}[ -][0-9]{2}|[0-9]{4}))",
        _grouped,
    ),
    Pattern("phone-by-language", "PHONE", r"\b[2-9][0-9](?: ?[0-9]{2}){3}(?:[0-9]{1,2})?\b", _by_language),
    Pattern(
        "phone-listed",
        "PHONE",
        rf"[0-9]{{2}} ?(?:[/,;|+&]|[a-z\xe0-\xff]{{1,5}}) ?\(?[0-9](?:{_GAP}[0-9]){{5}}",
        _listed,
    ),
    Pattern("phone-placed", "PHONE", rf"[:=|;,\t\"'>][ \t]{{0,3}}\(?[0-9](?:{_GAP}[0-9]){{5}}", _placed),
    Pattern("phone-coded", "PHONE", rf"\([1-9][0-9]{{1,2}}\) ?[1-9](?:{_GAP}[0-9]){{6}}", _coded),
    Pattern(
        "phone-cued",
        "PHONE",
        rf"{FRAGMENT}[^\n0-9]{{0,16}}[0-9](?:{_GAP}[0-9]){{5}}",
        _cued,
        caseless=True,
        start_known=False,
    ),
)
