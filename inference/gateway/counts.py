"""Counts of findings as a record may have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from inference.redaction import TYPES
from inference.redaction.sections import DENIED

OWN: Final = "CUSTOM"
"""Stands for every label of a customer's: labels are typed by people, and records outlive what they typed."""
_WORDS: Final = frozenset((*TYPES, DENIED))


def recordable(counts: Mapping[str, int]) -> dict[str, int]:
    """`counts` by type, those by a label of a customer's together."""
    known = {kind: count for kind, count in counts.items() if kind in _WORDS}
    own = sum(counts.values()) - sum(known.values())
    return known | {OWN: own} if own else known
