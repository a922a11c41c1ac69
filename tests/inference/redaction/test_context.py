from __future__ import annotations

import pytest

from inference.redaction.context import Words, named
from inference.redaction.shadow import cast

TAX = Words("steuer-id", "codice fiscale", "ΑΦΜ", "ЕГН", "nif", "date of birth", stems=("steueridentifikation",))


@pytest.mark.parametrize(
    "text",
    [
        "Steuer-ID: {}",
        "Meine Steueridentifikationsnummer ist {}",
        "codice  fiscale\n{}",
        "Α.Φ.Μ. ή ΑΦΜ {}",
        "моето ЕГН е {}",
        '{{"steuerId": "{}"}}',
        '{{"date_of_birth":"{}"}}',
        "{} (NIF)",
        "DATE OF BIRTH: {}",
    ],
)
def test_a_word_near_a_value_says_what_it_is(text: str) -> None:
    shadow = cast(text.format("12345")).text
    start = shadow.index("12345")

    assert named(shadow, start, start + 5, TAX)


@pytest.mark.parametrize(
    "text",
    [
        "Bestellung {}",
        "manif {}",
        "{}\nNIF",
        "steuer {} id",
        "nif " + "x" * 60 + " {}",
        "a" * 20 + "nif" + " " * 44 + "{}",
    ],
)
def test_other_words_and_far_ones_say_nothing(text: str) -> None:
    shadow = cast(text.format("12345")).text
    start = shadow.index("12345")

    assert not named(shadow, start, start + 5, TAX)


def test_sets_of_words_join() -> None:
    both = Words("one") | Words("two", stems=("thre",))

    assert all(both.among(word) for word in ("one", "TWO", "threefold"))
    assert not both.among("four")
