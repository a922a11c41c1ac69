from __future__ import annotations

import re

import pytest

from inference.engine.expression import ExpressionError, read


@pytest.mark.parametrize(
    ("pattern", "shortest"),
    [
        ("abc", "abc"),
        ("a|bc|", ""),
        ("(ab|c)d", "cd"),
        ("a{3}b{2,}c{0,9}", "aaabb"),
        ("x+y*z?", "x"),
        (r"\d{2}\.\w", "00.a"),
        ("[^a0]", " "),
        ("[]x]", "]"),
        (r"[\d\-]", "0"),
        ("(?:one|two)(?P<n>3)(?i:x)", "one3x"),
        (r"^\x41\u{42}\n$", "AB\n"),
        (r"\p{L}.", "aa"),
    ],
)
def test_the_short_text_matches(pattern: str, shortest: str) -> None:
    assert read(pattern).shortest == shortest
    if r"\p" not in pattern and r"\u{" not in pattern:
        assert re.fullmatch(pattern, shortest)


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        ")",
        "a)",
        "[a",
        "*a",
        "a{",
        "a{x}",
        r"\b",
        r"\1",
        "(?=a)",
        "(?<!a)",
        "\\",
        r"\xzz",
        "(a{100}){100}",
        "a{5001}",
        "(" * 60,
    ],
)
def test_what_is_broken_or_too_large_is_refused(pattern: str) -> None:
    with pytest.raises(ExpressionError):
        read(pattern)


def test_repetitions_side_by_side_are_added_and_within_one_another_multiplied() -> None:
    assert read("a{10}b{20}").atoms == 30
    assert read("(a{10}b{20}){3}").atoms == 90
