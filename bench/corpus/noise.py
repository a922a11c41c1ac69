"""Typographic noise: the same value as word processors, phones and PDF files write it."""

from __future__ import annotations

import re
from typing import Final

from .draw import Draw

PLAIN: Final = "plain"
KINDS: Final = ("nbsp", "narrow_nbsp", "full_width", "zero_width", "wrapped", "spaces", "dots", "dashes")
_GROUPED: Final = frozenset(("IBAN", "CARD", "PHONE", "NATIONAL_ID", "VAT", "HEALTH_INSURANCE"))
_BY_FOUR: Final = frozenset(("IBAN", "CARD"))
_SEPARATED: Final = re.compile(r"(?<=\w)[ ./-](?=\w)")
_MEANT: Final = frozenset(("FI", "SE", "LV", "DK", "IS"))
"""Countries whose hyphen inside a national number means something, so that nobody writes another character for it."""
_FULL_WIDTH: Final = {ord("0") + digit: chr(0xFF10 + digit) for digit in range(10)}


def noisy(kind: str, value_type: str, text: str, draw: Draw) -> str | None:
    """`text` with noise of the `kind`; None where nobody writes a value of this type so, or it stays the same."""
    if kind == PLAIN:
        return None
    if kind == "full_width":
        made = text.translate(_FULL_WIDTH) if value_type in _GROUPED or value_type == "DATE_OF_BIRTH" else text
    elif kind == "zero_width":
        made = (
            _with_zero_width(text, draw)
            if value_type in _GROUPED or value_type in ("EMAIL", "BIC", "PASSPORT")
            else text
        )
    elif value_type in _GROUPED:
        made = _separated(kind, value_type, text, draw)
    else:
        made = text
    return None if made == text else made


def _with_zero_width(text: str, draw: Draw) -> str:
    for place in sorted(draw.random.sample(range(1, len(text)), 2), reverse=True):
        text = text[:place] + draw.random.choice("\u200b\u200c\u2060\u00ad") + text[place:]
    return text


def _separated(kind: str, value_type: str, text: str, draw: Draw) -> str:
    if value_type in _BY_FOUR and not _SEPARATED.search(text):
        text = " ".join(text[place : place + 4] for place in range(0, len(text), 4))
    if value_type == "NATIONAL_ID" and draw.country in _MEANT:
        return text
    if kind == "wrapped":
        gaps = [match.start() for match in re.finditer(r"(?<=\w) (?=\w)", text)]
        if not gaps:
            return text
        gap = draw.random.choice(gaps)
        return text[:gap] + "\n" + draw.random.choice(("", "    ")) + text[gap + 1 :]
    if kind in ("nbsp", "narrow_nbsp"):
        return text.replace(" ", "\u00a0" if kind == "nbsp" else "\u202f")
    if kind == "dashes":
        return _SEPARATED.sub(draw.random.choice("-\u2011\u2013"), text)
    return _SEPARATED.sub(" " if kind == "spaces" else ".", text)
