"""VAT numbers of the EU, EFTA and the United Kingdom, with their check digits.

A country's prefix in front is evidence; where the check digits are weak, only if the whole is written as such numbers are.
Without a prefix, a word must announce the number ("USt-IdNr", "P.IVA", "NIP", "ΑΦΜ"), and the word says which countries' numbers
it may be.
"""

from __future__ import annotations

from typing import Final

from ..pattern import Pattern
from .announced import PATTERNS as ANNOUNCED
from .prefixed import PATTERNS as PREFIXED

PATTERNS: Final[tuple[Pattern, ...]] = (*PREFIXED, *ANNOUNCED)

__all__ = ["PATTERNS"]
