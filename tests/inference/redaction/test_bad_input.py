"""Texts that nobody writes: what they cost, and that they hide nothing."""

from __future__ import annotations

import time

import pytest

from inference.redaction import Redactor

LARGE = Redactor(max_characters=20_000_000)
ADDRESS = "anna@example.org"


@pytest.mark.parametrize(
    "letter", ["a", "0", " ", "\n", "@", "[", "\\", "ß", "Ж", "中", "😀", "\u200b", "\ud800", '"', "-"]
)
def test_ten_megabytes_of_one_letter_are_linear(letter: str) -> None:
    LARGE.prepare()
    text = letter * 10_000_000
    began = time.process_time()

    redacted, placeholders = LARGE.redact(text)

    assert redacted == text and not placeholders
    assert time.process_time() - began < 15


def test_a_row_of_capitals_is_linear() -> None:
    # Every one of them may begin the zone of a passport that machines read.
    LARGE.prepare()
    began = time.process_time()

    assert LARGE.find("A" * 2_000_000) == []
    assert time.process_time() - began < 15


def test_a_megabyte_of_placeholders_gets_one_nonce() -> None:
    text = f"{ADDRESS} " + "[[EMAIL_1]] " * 80_000
    began = time.process_time()

    redacted, placeholders = Redactor().redact(text)

    assert redacted.startswith("[[EMAIL_1_") and redacted[-960_000:] == text[-960_000:]
    assert placeholders.restore(redacted) == text
    assert time.process_time() - began < 5


@pytest.mark.parametrize("half", ["\ud800", "\udfff", "\ud800\ud800"])
def test_halves_of_characters_hide_nothing(half: str) -> None:
    redacted, placeholders = Redactor().redact(f"{half} {ADDRESS} {half}DE89 3704 0044 0532 0130 00{half}")

    assert redacted == f"{half} [[EMAIL_1]] {half}[[IBAN_1]]{half}"
    assert placeholders.restore(redacted, in_json=True) == placeholders.restore(redacted)


@pytest.mark.parametrize("control", ["\x00", "\x01", "\x1a", "\x7f", "\x85", "\ufeff", "\ufffd", "\u202e"])
def test_control_characters_around_a_value_hide_nothing(control: str) -> None:
    redacted, _ = Redactor().redact(f"a{control} {ADDRESS}{control} b")

    assert ADDRESS not in redacted and "[[EMAIL_1]]" in redacted
