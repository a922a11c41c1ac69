from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.redaction import Redactor

REDACTOR = Redactor()


def found(text: str) -> list[tuple[str, str]]:
    return [(finding.type, text[finding.start : finding.end]) for finding in REDACTOR.find(text)]


@pytest.mark.parametrize(
    ("kind", "value", "template"),
    [
        ("IBAN", "DE89 3704 0044\n0532 0130 00", "IBAN: {}, thanks"),
        ("IBAN", "DE89 3704 0044\n> 0532 0130 00", "> IBAN: {}, thanks"),
        ("IBAN", "DE89 3704 0044 =\r\n0532 0130 00", "{}"),
        ("IBAN", "DE8937040044\r\n    0532013000", "{} x"),
        ("IBAN", "DE89 3704\n0044 0532\n0130 00", "{}"),
        ("IBAN", "GB29 NWBK\n6016 1331 9268 19", "{}"),
        ("IBAN", "MT84 MALT 0110 0001 2345 MTLC\nAST0 01S", "{}"),
        ("IBAN", "DE89\u00a03704\u00a00044\n0532 0130 00", "z\u200bero {}, Zürich"),
        ("CARD", "4111 1111\n  1111 1111", "card {} ok"),
        ("CARD", "4111-1111-\n1111-1111", "{}"),
        ("CARD", "41111111\n11111111", "{}"),
        ("PHONE", "+49 30\n12345678", "Ruf {} an"),
        ("PHONE", "030\n1234567", "Tel. {} bitte"),
        ("PHONE", "030\n12345678", "Rufen Sie {} an"),
        ("EMAIL", "anna.schmidt@exam=\nple.com", "{} wrote"),
        ("EMAIL", "anna@\nexample.com", "{}"),
        ("MAC", "00:1a:2b:\n3c:4d:5e", "{}"),
        ("IP", "2001:db8:85a3::8a2e:\n370:7334", "{}"),
        ("SECRET", "sk-proj-abc123DEF456=\nghi789JKLmno123", "key {} x"),
        ("CRYPTO", "1BvBMSEYstWetqTFn5Au4m4\nGFg7xJaNVN2", "{}"),
    ],
)
def test_found_across_lines(kind: str, value: str, template: str) -> None:
    assert found(template.format(value)) == [(kind, value)]


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("030 1234567\n030 7654321", ["030 1234567", "030 7654321"]),
        ("+49 30 1234567\n2024 was", ["+49 30 1234567"]),
        ("Tel. 1234567\n12345 Berlin", ["1234567"]),
        ("192.168.1.1\n10.0.0.1", ["192.168.1.1", "10.0.0.1"]),
        ("DE89 3704 0044 0532 0130 00\n12 items", ["DE89 3704 0044 0532 0130 00"]),
        ("4111 1111\n1111 1112", []),
        ("4111 1111\n\n1111 1111", []),
        ("12 34\n56 78\n90 12\n34 56", []),
        ("rows\n0301 2345\n678 901", []),
        ("a,12\n13,4111\n14,5", []),
        ("x =\n    12", []),
    ],
)
def test_what_stands_on_two_lines_stays_apart(text: str, findings: list[str]) -> None:
    assert [value for _, value in found(text)] == findings


@settings(max_examples=300, deadline=None)
@given(
    st.integers(5, 25),
    st.sampled_from(["\n", "\r\n", "\n  ", "\n> ", "\n> > "]),
    st.integers(0, 400),
    st.integers(0, 400),
)
def test_a_break_anywhere_between_groups_and_far_from_others(place: int, feed: str, before: int, after: int) -> None:
    iban = "DE89 3704 0044 0532 0130 00"
    spaces = [index for index, character in enumerate(iban) if character == " "]
    cut = min(spaces, key=lambda index: abs(index - place))
    wrapped = iban[:cut] + feed + iban[cut + 1 :]
    text = "w " * before + "in 2024\n12 of them, " + wrapped + ". " + "w " * after + "in 2025\n13 more"

    assert found(text) == [("IBAN", wrapped)]


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("0139AZa @=:-.\r\n> \\")))
def test_any_breaks_can_be_scanned(text: str) -> None:
    redacted, placeholders = REDACTOR.redact(text)

    masked = {"CARD", "SECRET", "URL_CREDENTIALS"} & placeholders.evidence.replaced.keys()
    assert masked or placeholders.restore(redacted) == text
