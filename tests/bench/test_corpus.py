from __future__ import annotations

import os
import re
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from stdnum import iban, luhn

from bench.corpus import KINDS, PARTS, PLAIN, Document, Gold, Part, corpus
from bench.corpus.authors import BY_FILE, is_author
from bench.corpus.draw import Draw
from bench.corpus.noise import noisy
from bench.corpus.verdict import is_covered, judge

TYPES = {
    *(
        "EMAIL",
        "PHONE",
        "IBAN",
        "BIC",
        "CARD",
        "IP",
        "MAC",
        "URL_CREDENTIALS",
        "SECRET",
        "VAT",
        "NATIONAL_ID",
        "PASSPORT",
    ),
    *("DRIVING_LICENCE", "DATE_OF_BIRTH", "HEALTH_INSURANCE", "VEHICLE", "CRYPTO", "LOCATION", "NAME", "ADDRESS"),
}
TEXT = Document(
    "Anna, DE1, call 123", "en", "chat", (Gold(0, 4, "NAME"), Gold(6, 9, "IBAN"), Gold(16, 19, "PHONE", "dots"))
)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_has_every_type_noise_and_language_and_traps_besides(part: Part) -> None:
    documents = corpus(part)

    gold = [span for document in documents for span in document.gold]
    assert {span.type for span in gold} == TYPES
    assert {span.noise for span in gold} == {PLAIN, *KINDS}
    assert len({document.language for document in documents}) >= 24
    assert len({document.language for document in documents if document.kind == "letter"}) >= 12
    assert sum(not document.gold for document in documents) >= 50


def test_the_same_documents_every_time() -> None:
    assert corpus("tuned") == corpus("tuned")


def test_the_parts_share_no_line() -> None:
    lines = [
        {line for document in corpus(part) for line in document.text.splitlines() if len(line) > 40} for part in PARTS
    ]

    assert not lines[0] & lines[1]


def test_gold_spans_are_what_they_say() -> None:
    for document in corpus("tuned"):
        for span, following in pairwise(document.gold):
            assert span.end <= following.start
        for span in document.gold:
            value = document.text[span.start : span.end]
            assert value == value.strip()
            if span.noise == PLAIN and span.type == "IBAN":
                assert iban.is_valid(value, check_country=False)  # the banks' own digits are not made
            if span.noise == PLAIN and span.type == "CARD":
                assert luhn.is_valid(value.replace(" ", "").replace("-", ""))


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        ("nbsp", "DE89 3704", "DE89\u00a03704"),
        ("narrow_nbsp", "DE893704", "DE89\u202f3704"),
        ("full_width", "DE89", "DE８９"),
        ("spaces", "DE89-3704", "DE89 3704"),
        ("dots", "DE89 3704", "DE89.3704"),
    ],
)
def test_noise_is_written_into_the_value(kind: str, value: str, written: str) -> None:
    assert noisy(kind, "IBAN", value, Draw(1, "de")) == written


def test_noise_that_nobody_writes_is_not_made() -> None:
    assert noisy("dots", "EMAIL", "a@b.example", Draw(1, "de")) is None
    assert noisy("dashes", "NATIONAL_ID", "131052-308T", Draw(1, "fi")) is None
    assert noisy("full_width", "IBAN", "DE", Draw(1, "de")) is None


def test_a_value_counts_when_no_character_of_it_is_left() -> None:
    value = Gold(2, 8, "IBAN")

    assert is_covered(value, [(0, 10, "IBAN", 1.0)])
    assert is_covered(value, [(5, 8, "PHONE", 0.7), (2, 5, "IBAN", 1.0)])
    assert not is_covered(value, [(2, 7, "IBAN", 1.0)])
    assert not is_covered(value, [(2, 4, "IBAN", 1.0), (5, 8, "IBAN", 1.0)])


def test_a_verdict_counts_values_and_findings() -> None:
    found = [(0, 4, "NAME", 0.8), (6, 9, "PHONE", 0.7), (11, 15, "NAME", 0.5)]

    verdict = judge([(TEXT, found)])
    named = judge([(TEXT, found)], values=lambda _, gold: gold.type == "NAME", findings=lambda _, kind: kind == "NAME")

    assert (verdict.values, verdict.covered, verdict.findings, verdict.right, verdict.right_type) == (3, 2, 3, 2, 1)
    assert (named.recall, named.precision) == (1.0, 0.5)


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the names were read in Python 3.11")
@pytest.mark.parametrize("path", BY_FILE)
def test_authors_stand_in_the_file_beside_them(path: str) -> None:
    file = Path(os.__file__).parent / path
    if not file.exists():
        pytest.skip(f"{path} is in a package of its own here")
    flat = re.sub(r"\s+", " ", file.read_text("utf-8"))

    assert [name for name in BY_FILE[path] if name not in flat] == []


@pytest.mark.parametrize(
    "text", ["Guido van Rossum", "GUIDO", "van Rossum", "Malley", "Jacques Frechet, Collin Winter", "McCahill"]
)
def test_a_part_of_an_authors_name_is_an_authors(text: str) -> None:
    assert is_author(text)


@pytest.mark.parametrize(
    "text", ["MAL", "Jane Doe", "ossum", "Guido Winter", "Guido, Jane", "", "Python Software Foundation"]
)
def test_what_is_no_authors_name_counts(text: str) -> None:
    assert not is_author(text)
