"""The words that say what a value is, one module a kind of value, each a table by language.

A row lists words and phrases apart by semicolons, as people write them; ``*`` after one makes it a stem (`context.Words`). Every
table has a row for each of `LANGUAGES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..context import Words

_CODES: Final = "bg cs da de el en es et fi fr ga hr hu it lt lv mt nl pl pt ro sk sl sv"
OFFICIAL: Final = tuple(_CODES.split())
"""The official languages of the European Union."""
LANGUAGES: Final = (*OFFICIAL, "no", "is")
"""Those, Norwegian and Icelandic."""

Table = Mapping[str, str]
"""A row of words by language."""


def words_of(*tables: Table) -> Words:
    """The words of whole tables, whatever the language: people name documents in one language and write in another."""
    entries = [entry.strip() for table in tables for row in table.values() for entry in row.split(";")]
    return Words(
        *(entry for entry in entries if not entry.endswith("*")),
        stems=(entry[:-1] for entry in entries if entry.endswith("*")),
    )
