"""Telephone numbers: E.164 in every punctuation, national forms with a trunk zero or a telling grouping, and what follows
a word such as "Tel." A number right after a word such as "order", a date, an amount or a version is none."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from .pattern import Pattern, Verified
from .phone_plan import BY_LANGUAGE, GROUPED, LENGTHS, PAIRS, SHORT_TRUNK, TRUNK
from .phone_words import PHONE_WORDS, named_otherwise

_SEPARATOR: Final = r"(?: ?[./-] ?|\) ?[/-]? ?| ?\(| {1,2})"
_RUN: Final = re.compile(rf"[0-9]+(?:{_SEPARATOR}[0-9]+)*")
_RUN_LONGEST: Final = 60
_DIGITS: Final = re.compile(r"[0-9]+")
_TRUNK_START: Final = re.compile(r"0(?:\) ?)?[1-9]")
"""Also (0)30, but neither 0.25 nor 0-3."""
_FIRST_NUMBER: Final = re.compile(r"[+(]*[0-9]")
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
_SCORE_INTERNATIONAL: Final = 0.9
_SCORE_CUED: Final = 0.85
_SCORE_NATIONAL: Final = 0.7


def _groups(shadow: str, start: int, most: int) -> list[tuple[int, str]]:
    """``(end, digits so far)`` after each group of the digit run at `start`, up to `most` digits in all."""
    groups: list[tuple[int, str]] = []
    run = _RUN.match(shadow, start, start + _RUN_LONGEST)
    digits = ""
    for group in _DIGITS.finditer(shadow, start, run.end() if run else start):
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
    if plus and shadow[start + 1] == " " and len(groups) < 2:
        return None  # an addition
    least, most = LENGTHS[code]
    # "+49 (0)30": the zero is dialled only inside the country. Italy's is part of the number.
    trunk = code != "39" and digits[len(code) : len(code) + 1] == "0"
    for stop, digits in reversed(groups):
        if least <= len(digits) - len(code) - trunk <= most:
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
    if not groups or _DATE.match(shadow, start):
        return None
    pairs = PAIRS.match(shadow, start)
    for stop, digits in reversed(groups):
        short = SHORT_TRUNK.fullmatch(digits) and shadow[groups[0][0] : groups[0][0] + 1] in (")", "/")
        if short or ((pairs is None or stop == pairs.end()) and TRUNK.fullmatch(digits)):
            start = _opened(shadow, start)
            if shadow[start:stop] == _ALL_DIGITS or _DATE_INSIDE.search(shadow, start, stop):
                return None
            return (start, stop, _SCORE_NATIONAL) if _free(shadow, start, stop) else None
    return None


def _grouped(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    form = GROUPED.match(shadow, start)
    if form is None or _DATE.match(shadow, start):
        return None
    start, stop = _opened(shadow, start), form.end()
    if _AMOUNT_AFTER.match(shadow, stop) or _AMOUNT_BEFORE.search(shadow, max(0, start - 5), start):
        return None
    return (start, stop, _SCORE_NATIONAL) if _free(shadow, start, stop) else None


def _by_language(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    form = BY_LANGUAGE.get(language or "")
    if form is None or not form.fullmatch(shadow, start, end) or _AMOUNT_AFTER.match(shadow, end):
        return None
    return (start, end, _SCORE_NATIONAL) if _free(shadow, start, end) else None


def _cued(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    first = _FIRST_NUMBER.search(shadow, start, end)
    if first is None or "+" in first.group() or named_otherwise(shadow, first.start()):
        return None
    begin, digit = first.start(), first.end() - 1
    groups = _groups(shadow, digit, _MOST_DIGITS)
    if _DATE.match(shadow, digit) or any(len(b[1]) - len(a[1]) == 1 for a, b in pairwise(groups)):
        return None  # a date, or a version
    near = not any(map(str.isalpha, shadow[max(start, begin - 3) : begin].strip()))
    for stop, digits in reversed(groups):
        if 6 <= len(digits) <= _MOST_DIGITS:
            amount = _AMOUNT_AFTER.match(shadow, stop) or (not near and _AMOUNT.fullmatch(shadow, digit, stop))
            if amount or shadow[stop : stop + 1].isalnum() or _DATE_INSIDE.search(shadow, digit, stop):
                return None
            return begin, stop, _SCORE_CUED
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
        "phone-cued", "PHONE", rf"\b(?:{PHONE_WORDS})\b[^\n0-9]{{0,20}}[0-9](?:{_GAP}[0-9]){{5}}", _cued, caseless=True
    ),
)
