"""Streamed answers cut anywhere are restored as in one piece: some thousand cuts in every run, 100,000 with `make soak`."""

from __future__ import annotations

import json
import random
import re

import pytest

from inference.redaction import PlaceholderMap, Redactor

SPLITS = [pytest.param(10_000, id="some"), pytest.param(100_000, id="all", marks=pytest.mark.soak)]
PLACEHOLDERS = (
    "[[EMAIL_1]]",
    "[[EMAIL_12]]",
    r"\[\[EMAIL\_2\]\]",
    "[[ ip 3 ]]",
    r"\\[\\[IP\\_1\\]\\]",
    "[[IP_11]]",
    "[[**IP_2**]]",
)
OTHERS = (
    *(
        "[[EMAIL_99]]",
        "[[EMAIL_1",
        "[[",
        "[",
        "]",
        "]]",
        "\\",
        "\\\\",
        "\\\\\\",
        "_1",
        " ",
        "    ",
        "text",
        "[x]",
        "\n",
        "é",
    ),
    *("[[[", "]]]", "[[EMAIL_1]", "EMAIL_1]]", "[[E", "{", '"', "``", "[[EMAIL_1_AB2C]]", "**[["),
)


@pytest.fixture(scope="module")
def placeholders() -> PlaceholderMap:
    return Redactor().redact(" ".join(f"user{number}@example.com 10.0.0.{number}" for number in range(1, 13)))[1]


@pytest.mark.parametrize("splits", SPLITS)
@pytest.mark.parametrize("in_json", [False, True])
@pytest.mark.timeout(1800)
def test_random_splits_restore_as_in_one_piece(placeholders: PlaceholderMap, splits: int, in_json: bool) -> None:
    chance = random.Random(4)
    for _ in range(splits // 2):
        answer = "".join(chance.choices(PLACEHOLDERS + OTHERS, k=chance.randint(1, 12)))
        stream = placeholders.stream(in_json=in_json)
        restored, position = [], 0
        while position < len(answer):
            size = chance.randint(1, 7)
            restored.append(stream.feed(answer[position : position + size]))
            position += size

        assert "".join(restored) + stream.finish() == placeholders.restore(answer, in_json=in_json), answer


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_placeholder_that_the_end_of_the_answer_cuts_stays_as_it_is(placeholders: PlaceholderMap, cut: int) -> None:
    stream = placeholders.stream()
    written = f"Dear {'[[EMAIL_12]]'[:cut]}"

    assert "".join(map(stream.feed, written)) + stream.finish() == written


def test_a_placeholder_that_the_end_of_arguments_cuts_stays_as_it_is(placeholders: PlaceholderMap) -> None:
    stream = placeholders.stream(in_json=True)
    written = '{"to": "[[EMAIL_2]]", "cc": "[[EMAIL_1'

    restored = stream.feed(written) + stream.finish()

    assert json.loads(restored.replace("[[EMAIL_1", 'x"}')) == {"to": "user2@example.com", "cc": "x"}
    assert re.search(r"user1?@", restored) is None
