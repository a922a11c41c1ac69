import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.redaction.alternatives import apart
from inference.redaction.cues import CUES
from inference.redaction.patterns import BUILT_IN

WORDS = tuple(f"word{letter}" for letter in "abcdefghijklmnopqrst")
MANY = "|".join(WORDS)
EXPRESSIONS = sorted({expression for row in (*BUILT_IN, *CUES) for expression in (row.trigger, row.gate) if expression})


@pytest.mark.parametrize(
    ("expression", "parts"),
    [
        ("abc", ["abc"]),
        ("a|b", ["a", "b"]),
        (r"\||[|)]|(?:a|b)", [r"\|", "[|)]", "(?:a|b)"]),
        (r"[]|a]b|c", ["[]|a]b", "c"]),
        (r"[^]|a]b|c", ["[^]|a]b", "c"]),
        ("(?:a|b)+c", ["(?:a|b)+c"]),
    ],
)
def test_what_few_alternatives_become(expression, parts):
    assert apart(expression) == parts


@pytest.mark.parametrize("opening", ["(?:", "(?i:"])
def test_many_words_are_taken_apart_with_what_is_around_them(opening):
    parts = apart(rf"\b{opening}{MANY}) [0-9]")
    assert len(parts) == 3
    assert all(part.startswith(rf"\b{opening}word") and part.endswith(") [0-9]") for part in parts)
    for word in WORDS:
        assert sum(bool(re.match(part, f"{word} 5")) for part in parts) == 1


def test_what_is_repeated_stays_together():
    for sign in ("*", "+", "?", "{2}"):
        assert apart(f"(?:{MANY}){sign}x") == [f"(?:{MANY}){sign}x"]


def test_parts_do_not_depend_on_the_order_of_words():
    assert apart(f"(?:{MANY})x") == apart(f"(?:{'|'.join(reversed(WORDS))})x")


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_trigger_taken_apart_is_valid_by_itself(expression):
    for part in apart(expression):
        re.compile(part)


SAMPLES = tuple(expression for expression in EXPRESSIONS if len(apart(expression)) > 1)
FRAGMENTS = st.lists(
    st.sampled_from(
        [*"AZaz 09.:=-\n", "Herr ", "Dr. ", "name: ", "ust-id", "vat ", "geb. ", "passport ", "12", "Straße ", "né le"]
    ),
    max_size=12,
).map("".join)


@given(st.sampled_from(SAMPLES), FRAGMENTS)
def test_parts_match_where_the_whole_does(expression, text):
    whole = re.search(expression, text)
    assert any(re.search(part, text) for part in apart(expression)) is (whole is not None)
