"""Vectorscan and RE2 find the same: what is found must not depend on which wheels a machine has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.redaction.cues import CUES
from inference.redaction.finding import Span
from inference.redaction.matcher_re2 import Re2Matcher
from inference.redaction.matcher_vectorscan import VectorscanMatcher
from inference.redaction.patterns import BUILT_IN
from inference.redaction.resolve import resolve
from inference.redaction.scan import Scanner
from inference.redaction.trigger import MatcherError, Trigger

HERE = Path(__file__).parent
TEXTS = [
    path
    for folder in (HERE, HERE.parents[2] / "docs")
    for path in sorted(folder.glob("*.*"))
    if path.suffix in (".py", ".md")
]
VALUES = [
    "anna@example.com",
    "DE89 3704 0044 0532 0130 00",
    "4111 1111 1111 1111",
    "+49 30 1234567",
    "Tel. 030/123 45 67",
    "10.1.2.3",
    "2001:db8::1",
    "AKIAIOSFODNN7EXAMPLE",
    "[[EMAIL_1]]",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
    "sk-proj-aaaaaaaaaaaaaaaaaaaaaaaa1",
]

PATTERNS = (*BUILT_IN, *CUES)
one, other = Scanner(PATTERNS, VectorscanMatcher), Scanner(PATTERNS, Re2Matcher)


def found(scanner: Scanner, text: str, language: str | None = None) -> tuple[list[Span], bool]:
    scan = scanner.scan(text, language, frozenset())
    return resolve(list(scan.spans), scan.shadow.text), scan.placeholder_shaped


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_both_find_the_same_in_real_texts(path: Path) -> None:
    text = path.read_text()

    assert found(one, text) == found(other, text)
    assert found(one, text, "da") == found(other, text, "da")


@given(st.lists(st.one_of(st.sampled_from(VALUES), st.text(alphabet="aA0 1@.:-+[_é\n", max_size=6)), max_size=8))
def test_both_find_the_same_in_what_runs_into_each_other(pieces: list[str]) -> None:
    text = "".join(pieces)

    assert found(one, text) == found(other, text)


def test_neither_compiles_what_it_cannot_and_says_what() -> None:
    for make in (VectorscanMatcher, Re2Matcher):
        with pytest.raises(MatcherError) as failure:
            make([Trigger("(secret")]).compile()
        assert "secret" not in str(failure.value)


def test_without_vectorscan_re2_takes_its_place() -> None:
    program = """
import sys
sys.modules["hyperscan"] = None
from inference.redaction import Redactor
redacted, _ = Redactor().redact("She wrote to anna@example.com")
assert redacted == "She wrote to [[EMAIL_1]]", redacted
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
