"""Dates of birth: a date in any European form, where a word or the name of a field says birth. Never any other date."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Final

from ..context import AFTER, BEFORE, before, entitled, placed, split
from ..masks import free
from ..shadow import cast
from ..words.birth import BIRTH
from ..words.months import TABLE
from .pattern import Pattern, Verified

_SCORE: Final = 0.9
_EARLIEST: Final = 1900


def _month_stems() -> str:
    """Every stem of a month's name, as an expression: accents may be missing, and none is the beginning of another."""
    stems = sorted({stem.strip() for row in TABLE.values() for stem in row.split(";")}, key=len)
    kept: list[str] = []
    for stem in (cast(stem).text.lower() for stem in stems):
        if not stem.startswith(tuple(kept)):
            kept.append(stem)
    return "|".join("".join(map(_either, stem)) for stem in sorted(kept))


def _either(letter: str) -> str:
    if letter.isascii():
        return letter
    plain = {"á": "a", "ä": "a", "é": "e", "í": "i", "ó": "o", "ú": "u", "û": "u"}[letter]
    return f"[{letter}{letter.upper()}{plain}]"


_MONTH: Final = f"(?:{_month_stems()})"
_ENDING: Final = r"[a-z\xdf-\xff]{0,12}\.?"
_DAY: Final = "(?:0?[1-9]|[12][0-9]|3[01])"
_YEAR: Final = "(?:19|20)[0-9]{2}"
_GAP: Final = r"(?:[ ./-]{1,2}|[ ]?\n[ \t]{0,8})"
_ORDINAL: Final = r"(?:st|nd|rd|th|er|[.\xba\xaa])?"
_LINK: Final = r"(?:(?:of|de|di|del|ta'|d')[ ]?)?"
_ROMAN: Final = "(?:XI{0,2}|I[XV]|VI{0,3}|I{1,3})"
_FLAGS: Final = re.IGNORECASE
_NUMERIC: Final = re.compile(rf"({_DAY})([./-]) ?([0-9]{{1,2}})\2 ?({_YEAR}|[0-9]{{2}})(?![0-9]|[./-][0-9])")
_SPACED: Final = re.compile(rf"({_DAY})( )([01][0-9]) ({_YEAR})(?![0-9])")
_ISO: Final = re.compile(rf"({_YEAR})([./-]) ?([0-9]{{1,2}})\2 ?({_DAY})(?![0-9]|[/-][0-9])")
_COMPACT: Final = re.compile(rf"({_YEAR})()([01][0-9])({_DAY})(?![0-9])")
_NAMED: Final = (
    re.compile(
        rf"{_DAY}{_ORDINAL}{_GAP}{_LINK}{_MONTH}{_ENDING},?(?: del?)?{_GAP}?(?P<year>{_YEAR}|'?[0-9]{{2}})(?![0-9])",
        _FLAGS,
    ),
    re.compile(rf"{_MONTH}{_ENDING}{_GAP}{_DAY}{_ORDINAL},?{_GAP}(?P<year>{_YEAR})(?![0-9])", _FLAGS),
    re.compile(
        rf"(?P<year>{_YEAR})[.,]?{_GAP}?(?:(?:m|g|gada|gads)\.?{_GAP})?"
        rf"(?:{_MONTH}{_ENDING}{_GAP}{_DAY}(?:\.|(?=[^0-9])|\Z)|{_DAY}\.?{_GAP}{_MONTH}{_ENDING})",
        _FLAGS,
    ),
    re.compile(rf"{_DAY}[. ]{{1,2}}{_ROMAN}[. ]{{1,2}}(?P<year>{_YEAR})(?![0-9])"),
)
_OTHER_DATE: Final = re.compile(rf"(?<![0-9]){_YEAR}(?![0-9])|[0-9]{{1,2}}[./-] ?[0-9]{{1,2}}[./-] ?[0-9]{{2,4}}")
_LISTED: Final = re.compile(
    r"[ .]*(?:[,;&/\n]|\b(?:and|und|et|y|e|i|a|si|oraz|och|og|ja|es|en|un|ir|kai|in)\b)\s*\Z", _FLAGS
)
"""Between two dates that the same word announces."""
_FULL_YEAR: Final = re.compile(_YEAR)
_CLAUSE: Final = re.compile(r"[,.;:]")


def _numeric(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    written = _NUMERIC.match(shadow, start) or _SPACED.match(shadow, start)
    if written is None or not _stands_alone(shadow, start):
        return None
    day, _, month, year = written.groups()
    if not (_plausible(year, month, day) or (written.group(2) != "." and _plausible(year, day, month))):
        return None
    return (start, written.end(), _SCORE) if _announced(shadow, start, written.end()) else None


def _iso(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    written = _ISO.match(shadow, start) or _COMPACT.match(shadow, start)
    if written is None or not _stands_alone(shadow, start):
        return None
    year, _, month, day = written.groups()
    if not _plausible(year, month, day):
        return None
    return (start, written.end(), _SCORE) if _announced(shadow, start, written.end()) else None


def _named(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    if not _stands_alone(shadow, start):
        return None
    for form in _NAMED:
        written = form.match(shadow, start)
        if written is not None and _plausible(written.group("year").lstrip("'"), "1", "1"):
            stop = start + len(written.group().rstrip(" .,\n"))
            return (start, stop, _SCORE) if _announced(shadow, start, stop) else None
    return None


def _marked(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    """``(*1.2.1990)``, ``(b. 3 May 1990)``: what genealogies and encyclopedias write."""
    begin = end - 2 if shadow[end - 2].isdigit() else end - 1
    for form in (_NUMERIC, *_NAMED):
        written = form.match(shadow, begin)
        if written is not None and _FULL_YEAR.search(written.group()):
            return begin, written.end(), _SCORE
    return None


def _stands_alone(shadow: str, start: int) -> bool:
    """Whether a date may begin at `start`; also after a prefix, as in Maltese "fit-3 ta' Mejju"."""
    earlier, character = shadow[start - 2 : start - 1], shadow[start - 1 : start]
    if character == "," and earlier.isdigit():  # the fraction of an amount, or the next cell of a row
        return entitled(shadow, start, start + 1, BIRTH)
    return free(shadow, start) or (character == "-" and earlier.isalpha())


def _plausible(year: str, month: str, day: str) -> bool:
    """Whether the date exists, from 1900 to today. Two digits of a year may stand for either century."""
    number = int(year)
    years = (number,) if len(year) == 4 else (1900 + number, 2000 + number)
    today = datetime.now(UTC).date()
    for candidate in years:
        try:
            if candidate >= _EARLIEST and date(candidate, int(month), int(day)) <= today:
                return True
        except ValueError:  # 31 June
            continue
    return False


def _announced(shadow: str, start: int, end: int) -> bool:
    """Whether birth is what the date at ``shadow[start:end]`` is about: by name, by a word before it with no other date between,
    or by a word right after it."""
    if entitled(shadow, start, end, BIRTH):
        return True
    where = placed(shadow, start)
    floor = _since_other_date(shadow, start, where.scope if where.telling else 0)
    if BIRTH.among_words(before(shadow, start, floor)):
        return True
    if where.telling or not _FULL_YEAR.search(shadow, start, end):
        return False
    after = shadow[end : end + AFTER].partition("\n")[0]
    return not (_CLAUSE.match(after) or any(map(str.isdigit, after))) and BIRTH.among_words(split(after)[:4])


def _since_other_date(shadow: str, start: int, floor: int) -> int:
    """Where the text begins that can be about the date at `start`: after the date before it, unless both are in one list."""
    floor = max(floor, start - BEFORE)
    earlier = list(_OTHER_DATE.finditer(shadow, floor, start))
    stop = start
    for other in reversed(earlier):
        if not _LISTED.match(shadow, other.end(), stop):
            return other.end()
        stop = other.start()
    return floor


PATTERNS: Final = (
    Pattern(
        "birth-numeric",
        "DATE_OF_BIRTH",
        r"\b[0-3]?[0-9](?:\. ?[01]?[0-9]\. ?|/ ?[0-3]?[0-9]/ ?|- ?[0-3]?[0-9]- ?)[0-9]{2}",
        _numeric,
        words=BIRTH,
    ),
    Pattern("birth-spaced", "DATE_OF_BIRTH", r"\b[0-3][0-9] [01][0-9] (?:19|20)[0-9]{2}\b", _numeric, words=BIRTH),
    Pattern(
        "birth-iso",
        "DATE_OF_BIRTH",
        r"\b(?:19|20)[0-9]{2}(?:[./-] ?[01]?[0-9][./-] ?[0-3]|[01][0-9][0-3][0-9]\b)",
        _iso,
        words=BIRTH,
    ),
    Pattern(
        "birth-day-month",
        "DATE_OF_BIRTH",
        rf"\b[0-3]?[0-9](?:st|nd|rd|th|er|\.|\xba|\xaa)?(?:[ ./-]|\n[ \t]{{0,8}})(?: ?(?:of|de|di|del|ta'|d') ?)?{_MONTH}",
        _named,
        caseless=True,
        words=BIRTH,
    ),
    Pattern(
        "birth-month-day",
        "DATE_OF_BIRTH",
        rf"\b{_MONTH}[a-z\xdf-\xff]{{0,12}}\.?[ \n][0-3]?[0-9](?:st|nd|rd|th|er|\.)?,? ?[ \n](?:19|20)[0-9]{{2}}",
        _named,
        caseless=True,
        words=BIRTH,
    ),
    Pattern(
        "birth-year-first",
        "DATE_OF_BIRTH",
        rf"\b(?:19|20)[0-9]{{2}}[.,]? ?(?:(?:m|g|gada|gads)\.? )?(?:[0-3]?[0-9]\.? )?[ -]?{_MONTH}",
        _named,
        caseless=True,
        words=BIRTH,
    ),
    Pattern("birth-marked", "DATE_OF_BIRTH", r"\( ?(?:\*|[bfsnro]\.) ?[0-3]?[0-9]", _marked),
    Pattern(
        "birth-roman",
        "DATE_OF_BIRTH",
        rf"\b[0-3]?[0-9][. ]{{1,2}}{_ROMAN}[. ]{{1,2}}(?:19|20)[0-9]{{2}}",
        _named,
        words=BIRTH,
    ),
)
