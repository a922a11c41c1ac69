from __future__ import annotations

import re
import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.redaction import OutputFilter, Policy, Redactor
from inference.redaction.output import MOST_HELD

TEXT = (
    "You can write to anna@example.com, or call +49 30 1234567 at noon. My account is DE89 3704 0044 0532 0130 00 at the bank\n"
    "Projekt Große Straße is what [[EMAIL_1]] asked for; the server was 10.1.2.3 and it is well known that nobody paid attention."
)
MASKED = (
    "You can write to [[EMAIL]], or call [[PHONE]] at noon. My account is [[IBAN]] at the bank\n"
    "[[PROJECT]] is what [[EMAIL_1]] asked for; the server was 10.1.2.3 and it is well known that nobody paid attention."
)
FOUND = {"EMAIL": 1, "PHONE": 1, "IBAN": 1, "PROJECT": 1, "IP": 1}


def filtered(mode: str = "mask", **sections: Any) -> OutputFilter:
    document = {
        "version": 2,
        "output_scan": mode,
        "entities": {"IP": {"action": "flag"}},
        "custom": [{"id": "a", "label": "PROJECT", "words": ["Projekt Große Straße"]}],
    }
    made = Redactor(Policy.from_json(document | sections)).output()
    assert made is not None
    return made


def streamed(output: OutputFilter, pieces: list[str]) -> str:
    channel = output.channel()
    return "".join(map(channel.feed, pieces)) + channel.finish()


def cut(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 40, 1000])
def test_what_the_model_writes_is_masked_however_it_is_cut(size: int) -> None:
    output = filtered()

    assert streamed(output, cut(TEXT, size)) == MASKED
    assert output.found == FOUND


@given(st.lists(st.integers(min_value=0, max_value=len(TEXT)), max_size=12))
def test_any_cuts_give_the_same(places: list[int]) -> None:
    edges = [0, *sorted(places), len(TEXT)]
    output = filtered()

    assert streamed(output, [TEXT[a:b] for a, b in pairwise(edges)]) == MASKED
    assert output.found == FOUND


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_flagged_output_is_passed_on_at_once_and_counted(size: int) -> None:
    output = filtered("flag")
    channel = output.channel()

    assert [channel.feed(piece) for piece in cut(TEXT, size)] == cut(TEXT, size)
    assert channel.finish() == ""
    assert output.found == FOUND
    assert output.masked(TEXT) == TEXT


def test_without_a_wish_there_is_no_filter() -> None:
    assert Redactor().output() is None


def test_ordinary_words_are_held_back_by_a_word_or_two() -> None:
    channel = filtered(custom=[]).channel()
    passed, longest = "", 0
    text = "the quick brown fox wrote some letters, and nobody answered any of them; it did not mind. " * 5

    for start, character in enumerate(text, 1):
        passed += channel.feed(character)
        longest = max(longest, start - len(passed))

    assert passed + channel.finish() == text
    assert longest < 24


def test_what_is_held_back_is_bounded() -> None:
    channel = filtered().channel()
    passed = "".join(channel.feed("A1") for _ in range(5000))

    assert 10_000 - len(passed) <= MOST_HELD
    assert passed + channel.finish() == "A1" * 5000


def test_a_value_that_is_too_long_to_wait_for_is_masked_as_far_as_it_is_known() -> None:
    local = "a" * 240
    text = f"{'X' * 400}\n{local}@example.com and more of it"

    assert "example.com" not in streamed(filtered(), cut(text, 7))


def test_placeholders_are_no_findings_and_channels_are_apart() -> None:
    output = filtered(entities={"IBAN": {"action": "mask"}}, custom=[], deny={"values": ["EMAIL"]})

    assert streamed(output, ["[[EMAIL_1]] and EM"]) == "[[EMAIL_1]] and EM"
    assert streamed(output, ["AIL or EMAIL"]) == "AIL or [[DENIED]]"
    assert output.found == {"DENIED": 1}


def test_a_mask_is_never_taken_for_an_issued_placeholder() -> None:
    redactor = Redactor(Policy.from_json({"version": 2, "output_scan": "mask"}))
    _, placeholders = redactor.redact("anna@example.com")
    output = redactor.output()
    assert output is not None

    masked = streamed(output, ["bob@example.com [[EMAIL_1]]"])

    assert placeholders.restore(masked) == "[[EMAIL]] anna@example.com"


@pytest.mark.parametrize("unit", ["a", "A1", "1 ", "a@", "[[", "\n", "Aa ", "[[EMAIL_1]]", "1.1.1.1 "])
def test_hostile_answers_stay_linear(unit: str) -> None:
    output = filtered()
    text = (unit * 20_000)[:20_000]
    began = time.process_time()

    streamed(output, cut(text, 4))

    assert time.process_time() - began < 20
    assert streamed(filtered(), [text]) == output.masked(text) or re.search("[0-9@]", text)
