"""Names of fields that say nothing about their values: ``value``, ``text``, ``td``."""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = """
    value val values wert valeur valor valore text content body message msg data datum date number numero nummer num nr no id item
    items name key type field label note notes comment comments description answer question input output prompt arguments string
    result results info details records rows list array attr attribute td th tr span div p b i strong em li dd dt a h1 h2 h3 font
    br user assistant system and or https http entry row document documents documentnumber of the le la de
"""
_GENERIC: Final = frozenset(_WORDS.split())
_WORD: Final = re.compile(r"[^\W_]+")


def tells(name: str) -> bool:
    """Whether `name` has a word that says more than "value"."""
    return any(not word.isdigit() and word not in _GENERIC for word in _WORD.findall(name.lower()))
