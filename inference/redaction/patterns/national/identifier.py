"""A national identifier as a pattern: its written form, its arithmetic, and the words that announce it.

What counts alone and what needs a word:

* an identifier whose writing or arithmetic is telling (letters in their places, two check digits and a date, the country's
  own punctuation) counts wherever it stands, unless the word before it says that it is something else;
* any other, such as nine bare digits of which one is a check digit, counts only near a word of its country or of `GENERIC`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from ...context import Words, named
from ...finding import VERIFIED
from ..pattern import Pattern, Verified
from .otherwise import named_otherwise

NAMED: Final = 0.85
"""The score of an identifier that a word announces and whose check digits hold."""
TOLD: Final = 0.75
"""The score of a telling form that has no check digits."""
SAID: Final = 0.6
"""The score of bare digits without check digits, which only a word makes an identifier."""

GENERIC: Final = Words(
    "national id", "national identity", "national identification", "national identifier", "national number", "nin",
    "identity number", "identity card", "id card", "personal id", "personal code", "personal number", "personal identity",
    "personal identification", "personal identifier", "citizen number", "citizen id", "civil registration", "social security",
    "social insurance", "national insurance", "tax id", "tax identification", "tax identifier", "tax number", "tax no",
    "tax code", "tax reference", "taxpayer", "tin", "ssn", "fiscal code", "fiscal number", "fiscal id",
)  # fmt: skip
"""What an identifier is called in English, whatever its country."""

ANY: Final = r"[\s\S]*"
"""The expression of every written form."""

_SEPARATORS: Final = {ord(separator): None for separator in " .-/\t\r\n"}
_DIGIT_GROUP_BEFORE: Final = re.compile(r"[0-9] \Z")
_DIGIT_GROUP_AFTER: Final = re.compile(r" [0-9]")


def identifier(
    name: str,
    country: str,
    trigger: str,
    form: str,
    valid: Callable[[str], bool],
    words: Words,
    *,
    lead: int = 0,
    certain: str = "",
    telling: str = "",
    alone: float = VERIFIED,
    near: float = NAMED,
) -> Pattern:
    """The pattern of an identifier of `country`.

    `trigger` is for the scanner (`form`); it ends where the identifier ends and begins where it begins, or at most `lead`
    characters later. `form` is the expression of all its writings; `valid` judges it without separators and in upper case.
    A writing that the expression `certain` matches counts wherever it stands; one that `telling` matches, unless it is named
    otherwise or amid other numbers: with the score `alone`. Every other one needs one of the `words` and scores `near`.
    """
    words = words | GENERIC
    whole = re.compile(rf"(?:{form})\Z", re.IGNORECASE)
    certain_form = re.compile(certain) if certain else None
    telling_form = re.compile(telling) if telling else None

    def verify(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
        found = whole.search(shadow, max(0, start - lead), end) if lead else whole.match(shadow, start, end)
        if found is None:
            return None
        start, written = found.start(), found.group()
        if not _free(shadow, start, end) or not valid(written.translate(_SEPARATORS).upper()):
            return None
        if certain_form and certain_form.fullmatch(written):
            return start, end, alone
        if named_otherwise(shadow, start):
            return None
        if telling_form and telling_form.fullmatch(written) and not _amid(shadow, start, end):
            return start, end, alone
        return (start, end, near) if named(shadow, start, end, words) else None

    return Pattern(name, "NATIONAL_ID", trigger, verify, caseless=True, country=country, context=words)


def announced(name: str, country: str, announcement: str, form: str) -> Pattern:
    """The pattern of bare digits of the expression `form` that nothing checks, right after a word of the expression
    `announcement`: the word is in the trigger, because the digits alone are everywhere."""
    value = re.compile(rf"{form}\Z")

    def verify(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
        found = value.search(shadow, start, end)
        if found is None or not _free(shadow, found.start(), end) or len(set(found.group())) < 2:
            return None
        return found.start(), end, SAID

    trigger = rf"\b(?:{announcement})\b[^\n0-9]{{0,20}}{form}\b"
    return Pattern(name, "NATIONAL_ID", trigger, verify, caseless=True, country=country)


def _free(shadow: str, start: int, end: int) -> bool:
    """Whether the value is neither part of a longer word or number nor of a decimal, a time, a version or an address."""
    before, earlier = shadow[start - 1 : start], shadow[start - 2 : start - 1]
    if before.isalnum() or before in ("_", "@", "+") or (before in ("-", ".", "/", ":") and earlier.isdigit()):
        return False
    after, later = shadow[end : end + 1], shadow[end + 1 : end + 2]
    return not (after.isalnum() or after in ("_", "@") or (after in ("-", ".", "/", ":") and later.isdigit()))


def _amid(shadow: str, start: int, end: int) -> bool:
    """Whether the value stands in a path, an identifier or a row of digit groups, where nothing is told by its form."""
    before, earlier = shadow[start - 1 : start], shadow[start - 2 : start - 1]
    if before in ("#", "$", "\\") or (before in ("-", ".", "/") and earlier.isalpha()):
        return True
    after, later = shadow[end : end + 1], shadow[end + 1 : end + 2]
    if (after == "-" and later.isalpha()) or (after == "/" and later.isalnum()):
        return True
    return " " in shadow[start:end] and bool(
        _DIGIT_GROUP_BEFORE.search(shadow, max(0, start - 2), start) or _DIGIT_GROUP_AFTER.match(shadow, end)
    )
