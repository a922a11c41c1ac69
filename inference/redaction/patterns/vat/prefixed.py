"""VAT numbers with their country in front: DE123456788, ATU 1234 5675, CHE-123.456.788 MWST."""

from __future__ import annotations

import re
from typing import Final

from ...context import named
from ...finding import VERIFIED
from ..pattern import Pattern, Verified, Verify
from .forms import FORMS, Form
from .words import ANY, OTHERWISE
from .writing import bare, could_be_one_number, goes_on, is_one_number

_SCORE_ALONE: Final = 0.9
_SCORE_UNCHECKED: Final = 0.6
_OTHERWISE_BEFORE: Final = 24
_CLAUSE: Final = re.compile(r"[^,;(|\n]*\Z")


def _verify(form: Form) -> Verify:
    def verify(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
        if start and (shadow[start - 1].isalnum() or shadow[start - 1] == "_"):
            return None
        value = _value(form, shadow, start)
        if value is None:
            return None
        stop = value.end()
        if not could_be_one_number(value[1]) or goes_on(shadow, start, stop):
            return None
        if form.strong and (shadow[start : start + 2].isupper() or value[0].isalnum()):
            return start, stop, VERIFIED
        if form.check is None:
            return (start, stop, _SCORE_UNCHECKED) if named(shadow, start, stop, form.words) else None
        if stop > value.end(1) or named(shadow, start, stop, ANY):
            return start, stop, VERIFIED
        before = _CLAUSE.search(shadow, max(0, start - _OTHERWISE_BEFORE), start)
        something_else = before is not None and OTHERWISE.among(before[0])
        return (start, stop, _SCORE_ALONE) if _is_plain(form, value) and not something_else else None

    return verify


def _value(form: Form, shadow: str, start: int) -> re.Match[str] | None:
    """The number at `start` whose check digits hold. What the next line begins with may be no part of it: its own number."""
    value = form.prefixed.match(shadow, start)
    if value is None or form.check is None or form.check(bare(value[1])):
        return value
    line = shadow.find("\n", value.start(1), value.end())
    shorter = form.prefixed.match(shadow, start, line) if line >= 0 else None
    return shorter if shorter and form.check(bare(shorter[1])) else None


def _is_plain(form: Form, value: re.Match[str]) -> bool:
    return form.alone is not None and form.alone.fullmatch(value[0]) is not None and is_one_number(value[1])


PATTERNS: Final = tuple(
    Pattern(f"vat-{form.country.lower()}", "VAT", form.gate, _verify(form), caseless=True, country=form.country)
    for form in FORMS
)
