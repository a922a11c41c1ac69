"""VAT numbers without their country, by a word that announces them: "NIP: 526-000-12-46", "BTW 0123.456.749", "974760673 MVA"."""

from __future__ import annotations

import re
from typing import Final

from ...context import named
from ..pattern import Pattern, Verified
from .forms import BY_DIGITS, END, LETTERED, SEPARATOR, Form
from .words import LABELS, LABELS_AHEAD, NUMBER, OTHERWISE
from .writing import bare, goes_on, has_thousands, is_amount, is_one_number

_SCORE: Final = 0.85
_SCORE_UNCHECKED: Final = 0.6
_BETWEEN: Final = 32
"""Characters between the word and the number's first digit."""
_LABEL: Final = re.compile("|".join(LABELS_AHEAD))
_DIGITS_FROM: Final = re.compile(r"[0-9][0-9A-Za-z+*]?(?:[ ./\r\n\t-]{0,10}[0-9]){4}")
_LETTERS_BEFORE: Final = re.compile(r"(?<![0-9A-Za-z_\xc0-\xff])[A-Za-z]{1,2}[ .-]?\Z")
_LONGEST: Final = 40
_DIGITS: Final = re.compile(rf"[0-9]+(?:{SEPARATOR}[0-9]+){{0,7}}")
_GROUP: Final = re.compile("[0-9]+")
_END: Final = re.compile(END)
_BEFORE_WORD: Final = re.compile(r"[0-9][A-Za-z]{0,2}?(?=[ .-]?MVA| ?[(\[])")
_JOINTS: Final = " .-/"
_NEXT_ROW: Final = re.compile(r"[;,|\t][^\n]*[A-Za-z][^\n]*\n")
"""The rest of a table's first row: what follows is in another column."""
_WORD_LONGEST: Final = 40
_AMOUNT_LONGEST: Final = 8


def _after_a_word(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    place = end - 1
    label = _LABEL.match(shadow, start) if _DIGITS_FROM.match(shadow, place) else None
    if label is None:
        return None
    word = label.end() - 1  # the character after it, mostly
    before = shadow[place - 1]
    letters = _LETTERS_BEFORE.search(shadow, max(word, place - 4), place)
    if letters:
        value = _number(shadow, letters.start(), None, word)
        if value is not None:
            return value
    return None if before.isalnum() or before == "_" else _number(shadow, place, None, word)


def _before_a_word(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    last = _BEFORE_WORD.match(shadow, start)
    stop = last.end() if last else start + 1
    for place in range(max(0, stop - _LONGEST // 2), start + 1):
        if shadow[place].isalnum() and not (place and (shadow[place - 1].isalnum() or shadow[place - 1] == "_")):
            value = _number(shadow, place, stop, place)
            if value is not None:
                return value
    return None


def _number(shadow: str, start: int, stop: int | None, word: int) -> Verified | None:
    """The longest number at `start` that a word announces; it ends at `stop` (or goes on with a suffix) unless that is None.

    The word ends at `word`, if it is before the number.
    """
    for end, form, number in _candidates(shadow, start):
        if (stop is not None and end != stop) or (form.check is not None and not form.check(number)):
            continue
        suffix = form.suffix.match(shadow, end) if form.suffix else None
        if suffix:
            return start, suffix.end(), _SCORE
        if not _is_something_else(shadow, start, end, word) and named(shadow, start, end, form.words):
            return start, end, _SCORE_UNCHECKED if form.check is None else _SCORE
    return None


def _candidates(shadow: str, start: int) -> list[tuple[int, Form, str]]:
    """``(end, form, characters)`` of what the number at `start` may be by its length, the longest first."""
    found: list[tuple[int, Form, str]] = []
    run = _DIGITS.match(shadow, start, start + _LONGEST)
    if run is None or shadow[run.end() : run.end() + 2].lstrip(_JOINTS)[:1].isalpha():
        for form in LETTERED:
            match = form.number.match(shadow, start)
            if match:
                found.append((match.end(), form, bare(match[1])))
    if run is not None:
        ends, digits = [], ""
        for group in _GROUP.finditer(shadow, start, run.end()):
            digits += group[0]
            ends.append((group.end(), digits))
        found.extend((end, form, digits) for end, digits in reversed(ends) for form in BY_DIGITS.get(len(digits), ()))
    return found


def _is_something_else(shadow: str, start: int, end: int, word: int) -> bool:
    written = shadow[start:end]
    if (
        not _END.match(shadow, end)
        or goes_on(shadow, start, end)
        or is_amount(shadow, end)
        or not is_one_number(written)
    ):
        return True
    between = shadow[word:start]
    if OTHERWISE.among(between) or _NEXT_ROW.search(between):
        return True
    # "VAT 12 345 678" and "VAT 12345" are as likely an amount of the tax.
    return (len(written) < _AMOUNT_LONGEST or has_thousands(written)) and not NUMBER.among(
        shadow[max(0, word - _WORD_LONGEST) : start]
    )


_BRACKET: Final = r" ?[(\[](?:[^0-9\n)\]]{0,12}[^0-9A-Za-z\n)\]])?"

PATTERNS: Final = (
    Pattern(
        "vat-announced",
        "VAT",
        "|".join(rf"{label}[^0-9]{{0,{_BETWEEN}}}[0-9]" for label in LABELS_AHEAD),
        _after_a_word,
    ),
    Pattern(
        "vat-before-word",
        "VAT",
        "|".join(
            rf"[0-9][A-Za-z]{{0,2}}{ahead}" for ahead in (*(f"{_BRACKET}{label}" for label in LABELS), r"[ .-]?MVA\b")
        ),
        _before_a_word,
    ),
)
