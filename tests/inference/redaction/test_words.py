from __future__ import annotations

import importlib
import pkgutil
import random
import re

import pytest

from inference.redaction import Redactor, words
from inference.redaction.context import Words
from inference.redaction.shadow import cast

MODULES = [
    importlib.import_module(f"{words.__name__}.{module.name}") for module in pkgutil.iter_modules(words.__path__)
]
TABLES = {
    f"{module.__name__.rpartition('.')[2]}.{name}": table
    for module in MODULES
    for name, table in vars(module).items()
    if name.endswith("TABLE")
}
SETS = {name: value for module in MODULES for name, value in vars(module).items() if isinstance(value, Words)}


def entries(name: str) -> list[str]:
    return [entry.strip() for row in TABLES[name].values() for entry in row.split(";")]


def test_there_are_24_official_languages() -> None:
    assert len(set(words.OFFICIAL)) == 24
    assert len(words.LANGUAGES) == 26


@pytest.mark.parametrize("name", TABLES)
def test_every_kind_has_words_in_every_language(name: str) -> None:
    assert set(TABLES[name]) == set(words.LANGUAGES)
    assert all(entries(name))


@pytest.mark.parametrize("name", [name for name in TABLES if not name.startswith("months")])
def test_every_word_is_found_as_it_is_written(name: str) -> None:
    table = words.words_of(TABLES[name])
    scan = re.compile(table.trigger)
    for entry in entries(name):
        written = entry.rstrip("*") + ("x" if entry.endswith("*") else "")
        for form in (written, written.upper(), written.replace(" ", "_"), f"my{written.title().replace(' ', '')}"):
            shadow = cast(f"1 {form}: 2").text
            # camelCase ends where a word does not begin with a letter that has two cases.
            assert scan.search(shadow) or not table.among(shadow), form
        assert table.among(cast(f"1 {written}: 2").text), entry


@pytest.mark.parametrize("name", SETS)
def test_the_trigger_finds_all_that_the_words_find(name: str) -> None:
    chance = random.Random(3)
    scan = re.compile(SETS[name].trigger)
    pool = [entry.rstrip("*") for table in TABLES for entry in entries(table)] + ["x", "The", "9", "ß", "dobX", "É"]
    for _ in range(3_000):
        pieces = [chance.choice(pool) for _ in range(3)]
        text = chance.choice(["", " ", "_", ", "]).join(
            chance.choice((piece, piece.upper(), piece.title().replace(" ", ""))) for piece in pieces
        )
        shadow = cast(text).text
        assert scan.search(shadow) or not SETS[name].among(shadow), shadow


def test_a_stem_has_three_letters() -> None:
    with pytest.raises(ValueError, match="too short"):
        Words(stems=("ab",))


def test_a_phrase_may_end_in_a_stem() -> None:
    licence = Words(stems=("driver licen",))

    assert licence.among("driver license")
    assert licence.among("driverLicence")
    assert not licence.among("driver pool")
    assert not licence.among("driver")


def test_ordinary_text_asks_no_check_for_words() -> None:
    assert Redactor().find("In room 12345678 on 3 May 1985 we met AB 123456 and 1234 BCD.") == []
