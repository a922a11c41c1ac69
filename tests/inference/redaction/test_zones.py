from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inference.redaction.patterns import BUILT_IN
from inference.redaction.zones import near_digits, zones

NUMBERS = tuple(pattern.trigger for pattern in BUILT_IN if near_digits(pattern.trigger))
TRIGGERS = (
    *NUMBERS,
    r"(?:^|[^0-9A-Za-z])[A-Z]{2}(?: ?[0-9]){4}",
    r"\b[0-9]{2}(?:[ .-]|\r?\n[ \t]{0,8})?[0-9]{2}\b",
    r"\bAB[ ./]{0,9}[0-9](?:[ ./]{0,9}[0-9]){3}[a-z ]{0,24}$",
)


def matches(expression: re.Pattern[bytes], data: bytes) -> set[tuple[int, int]]:
    """One for every place where a match starts."""
    found = (expression.match(data, place) for place in range(len(data)))
    return {match.span() for match in found if match}


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(["1", "23", "456", "0301", "12345678", " ", "  ", "-", ".", "/", "\n", "AB", "x", "word " * 9]),
        max_size=60,
    )
)
@example(["AB", " " * 9, "1", " " * 9, "2", " " * 9, "3", " " * 9, "4", "x" * 24])
@example(["x", "0301", " ", "12345678", "word " * 4, "0301", " ", "12345678"])
def test_what_is_near_digits_is_found_in_the_zones_and_only_there(pieces: list[str]) -> None:
    data = "".join(pieces).encode()
    near = zones(data)

    for trigger in TRIGGERS:
        expression = re.compile(trigger.encode("latin-1"))
        assert near_digits(trigger)
        assert {near.original(*span) for span in matches(expression, near.data)} == matches(expression, data)


@pytest.mark.parametrize(
    "expression",
    [
        r"[0-9]{3}",
        r"[0-9](?:.{0,13}[0-9]){3}",
        r"\btel[^0-9]{0,30}[0-9]{6}",
        r"[0-9]{4}[a-z]{25}",
        r"[0-9]{4}[a-z]*",
        r"[0-9a-f]{8}",
        r"(?:[0-9]{4}|[A-Z]{4})",
        r"(?:[0-9]{6})?",
        r"[^0-9]{4}",
        r"[^a-z]{4}",
        r"\d{6}(?=x)",
        r"(",
        "",
    ],
)
def test_what_may_match_elsewhere_is_not_near_digits(expression: str) -> None:
    assert not near_digits(expression)


def test_most_patterns_of_numbers_are_near_digits() -> None:
    names = {pattern.name for pattern in BUILT_IN if near_digits(pattern.trigger)}

    assert {"card", "ipv4", "phone-trunk", "phone-international"} <= names
    assert not {"email", "plus-code", "jwt"} & names


def test_text_without_numbers_has_no_zones() -> None:
    assert not zones(b"In 2023 nobody came, and in the years after it nobody did: 12 of 30.").data[200:]
    assert zones(b"No number here.").data == b""
    assert zones(b"").data == b""


@pytest.mark.parametrize("unit", ["1", "1 ", "1" + " " * 12, "1" + " " * 13, "123" + " " * 13, "1234" + "x" * 60])
def test_zones_take_linear_time(unit: str) -> None:
    data = (unit * 200_000)[:400_000].encode()

    start = time.process_time()
    zones(data)

    assert time.process_time() - start < 4
