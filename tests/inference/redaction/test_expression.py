from __future__ import annotations

import re

import hyperscan
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.redaction.charset import ExpressionError
from inference.redaction.expression import read
from inference.redaction.matcher_re2 import compiled
from inference.redaction.matcher_vectorscan import VectorscanMatcher
from inference.redaction.shadow import cast
from inference.redaction.trigger import Trigger


def matches(pattern: str, text: str, *, caseless: bool = False, dot_all: bool = False) -> list[str]:
    """What RE2 finds, after Vectorscan agreed on whether there is anything."""
    expression = read(pattern, caseless=caseless, dot_all=dot_all).text
    shadow = cast(text)
    found = [
        shadow.text[slice(*match.span())] for match in compiled(expression.encode(), longest=True).finditer(shadow.data)
    ]
    assert bool(VectorscanMatcher([Trigger(expression, once=True)]).hits(shadow.data)) == bool(found)
    return found


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("EMP-[0-9]{6}", "EMP-123456, EMP-1234567 emp-123456", ["EMP-123456", "EMP-123456"]),
        (r"\bK\d{2,4}\b", "K12 K12345 xK12 K9999.", ["K12", "K9999"]),
        ("a(b|c){2,3}?d", "abbd abcbd abbbbd", ["abbd", "abcbd"]),
        ("(?:ab){2}", "ababab", ["abab"]),
        ("^ab$", "ab\nxab\nab", ["ab", "ab"]),
        ("[^a-c]x", "ax dx \nx", ["dx", "\nx"]),
        (r"[\d-]{3}", "1-2 12", ["1-2"]),
        (r"[]a]{2}", "]a", ["]a"]),
        (r"\x41\u0042", "AB", ["AB"]),
        (r"\(\+\)", "(+)", ["(+)"]),
        ("a{2}", "aaa", ["aa"]),
        ("a.c", "abc a\nc", ["abc"]),
        ("Łódź", "Łódź Lódz", ["Lódz", "Lódz"]),
        ("[а-я]{4}", "слон", ["slon"]),
        ("tel\u00a0nr", "tel nr tel\u202fnr", ["tel nr", "tel nr"]),
        ("a\u200bb", "ab a\u00adb", ["ab", "ab"]),
        (r"é\w", "éa Éa", ["éa"]),
        ("１２", "12 １２", ["12", "12"]),
    ],
)
def test_both_engines_read_an_expression_as_it_is_meant(pattern: str, text: str, found: list[str]) -> None:
    assert matches(pattern, text) == found


def test_flags() -> None:
    assert matches("éa[bB]x", "ÉABX", caseless=True) == ["ÉABX"]
    assert matches("[^a]x", "Ax ax bx", caseless=True) == ["bx"]
    assert matches("a.c", "a\nc", dot_all=True) == ["a\nc"]


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("(a+)+$", "without an end"),
        (r"(\w+\s?)*:$", "without an end"),
        ("a*", "without an end"),
        ("ab{2,}", "without an end"),
        ("", "fewer than two"),
        ("a", "fewer than two"),
        ("(ab)?", "fewer than two"),
        ("a|bc", "fewer than two"),
        ("[ab]{1001}", "from 1 to 1000"),
        ("a{3,2}b", "from 1 to 1000"),
        ("a{0}bc", "from 1 to 1000"),
        ("a{2", "from 1 to 1000"),
        ("(?:a{1000}){5}", "at most 4096"),
        ("(ab", "without its ')'"),
        ("ab)", "without its '('"),
        ("[ab", "without its ']'"),
        ("[b-a]x", "a range"),
        ("[\u0100-\uffff]x", "a range"),
        ("?ab", "repeats what is not there"),
        ("ab??{2}", "repeats a repetition"),
        ("(?:^){3}ab", "no characters"),
        ("(?=ab)", "not plain"),
        ("(?P<name>ab)", "not plain"),
        ("(?i)ab", "not plain"),
        (r"(ab)\1", "escape that is not known"),
        (r"ab\Z", "escape that is not known"),
        (r"ab\p{L}", "escape that is not known"),
        ("ab\\", "escape that is not known"),
        (r"ab\x4", "incomplete"),
        ("[[:digit:]]{2}", "write \\d"),
        (r"[^\d\D]x", "nothing is in"),
        ("東京", "cannot be told apart"),
        ("(" * 33 + "ab" + ")" * 33, "nested"),
        ("a" * 513, "513 characters"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(pattern: str, says: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(says)):
        read(pattern)


# What Python's own engine means alike, so that it can be the oracle: its quantifiers try the longest first, too.
_atoms = st.sampled_from(["a", "b", "[ab]", "[^a]", r"\d", r"\w", r"\s", ".", "(?:a|bc)", "(a|ab)", "é", r"\."])
_pieces = st.builds("{}{}".format, _atoms, st.sampled_from(["", "", "?", "{2}", "{1,3}"]))
_patterns = st.lists(_pieces, min_size=2, max_size=5).map("".join)


@given(_patterns, st.text(alphabet="ab1 é.\n_", max_size=30))
def test_an_expression_matches_where_pythons_does(pattern: str, text: str) -> None:
    try:
        expression = read(pattern)
    except ExpressionError:
        return
    ours = compiled(expression.text.encode(), longest=True)
    theirs = re.compile(pattern)

    assert (ours.search(text.encode("latin-1")) is None) == (theirs.search(text) is None)
    first = theirs.search(text)
    if first is not None:
        found = ours.search(text.encode("latin-1"))
        assert found.start() == first.start()
        assert found.end() >= first.end()
        assert expression.shortest <= found.end() - found.start() <= expression.longest


@given(_patterns)
def test_samples_are_matched(pattern: str) -> None:
    try:
        expression = read(pattern)
    except ExpressionError:
        return
    for sample in expression.samples:
        assert compiled(expression.text.encode(), longest=True).fullmatch(sample)


def test_vectorscan_takes_everything_that_is_written() -> None:
    every = read(r"(?:^[\w\D\S\W]{1,2}|\bx\B[^\n]{0,3})[а-яé]{2,3}$")

    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=[every.text.encode()], ids=[0], flags=[0])
