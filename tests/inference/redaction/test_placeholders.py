from __future__ import annotations

import copy
import json
import pickle
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.redaction import PlaceholderMap, Policy, Redactor

REDACTOR = Redactor()
REVERSIBLE = Redactor(
    Policy.from_json({"version": 1, "entities": {t: {"action": "reversible"} for t in ("CARD", "SECRET")}})
)
VALUES = (
    "anna@example.com",
    "o'brien@example.ie",
    "+49 30 12345678",
    "(030) 1234567",
    "DE89 3704 0044 0532 0130 00",
    "4111 1111 1111 1111",
    "192.168.1.20",
    "2001:db8::8a2e:370:7334",
    "AKIAIOSFODNN7EXAMPLE",
    "sk-proj-abc123DEF456ghi789JKL",
)
NOISE = st.text(st.sampled_from(list("ab 1[]\\_*`-\n.,:;\u200b\u00a0éŁ👩@+")), max_size=12)


@st.composite
def texts(draw: st.DrawFn) -> str:
    parts = draw(st.lists(st.one_of(NOISE, st.sampled_from(VALUES)), max_size=12))
    return draw(st.sampled_from(["", " "])).join(parts)


def test_the_same_value_has_the_same_placeholder_in_every_text() -> None:
    redacted, placeholders = REDACTOR.redact_texts(
        ["You serve anna@example.com.", "I am ben@example.com, not anna@example.com", '{"to": "ben@example.com"}']
    )

    assert redacted == ["You serve [[EMAIL_1]].", "I am [[EMAIL_2]], not [[EMAIL_1]]", '{"to": "[[EMAIL_2]]"}']
    assert len(placeholders) == 2
    assert placeholders.restore("[[EMAIL_2]] and [[EMAIL_1]]") == "ben@example.com and anna@example.com"


def test_cards_and_secrets_stay_masked() -> None:
    redacted, placeholders = REDACTOR.redact("card 4111 1111 1111 1111, key AKIAIOSFODNN7EXAMPLE, anna@example.com")

    assert redacted == "card [[CARD_1]], key [[SECRET_1]], [[EMAIL_1]]"
    assert placeholders.restore(redacted) == "card [[CARD_1]], key [[SECRET_1]], anna@example.com"


@pytest.mark.parametrize(
    "written",
    [
        "[[EMAIL_1]]",
        "[[email_1]]",
        "[[Email 1]]",
        "[[ EMAIL_1 ]]",
        "[ [EMAIL_1] ]",
        r"\[\[EMAIL\_1\]\]",
        r"\\[\\[EMAIL\\_1\\]\\]",
        "[[EMAIL-1]]",
        "[[**EMAIL_1**]]",
        "[[`EMAIL_1`]]",
    ],
)
def test_usual_rewritings_are_restored(written: str) -> None:
    _, placeholders = REDACTOR.redact("anna@example.com")

    assert placeholders.restore(f"To: {written}!") == "To: anna@example.com!"
    assert placeholders.restore(f"**{written}**") == "**anna@example.com**"


@pytest.mark.parametrize(
    "literal",
    [
        "[[EMAIL_2]]",
        "[[EMAIL_11]]",
        "[[EMAIL_1",
        "[[EMAIL_1]",
        "EMAIL_1",
        "[EMAIL_1]",
        "[[PHONE_1]]",
        "[[EMAIL_1_AB2C]]",
        "[[[]]]",
    ],
)
def test_only_issued_placeholders_are_restored(literal: str) -> None:
    _, placeholders = REDACTOR.redact("anna@example.com")

    assert placeholders.restore(f"a {literal} b") == f"a {literal} b"


def test_a_cut_placeholder_never_becomes_another_ones_value() -> None:
    _, placeholders = REDACTOR.redact(" ".join(f"user{number}@example.com" for number in range(1, 13)))
    stream = placeholders.stream()

    assert placeholders.restore("[[EMAIL_12]]") == "user12@example.com"
    assert stream.feed("Dear [[EMAIL_1") + stream.finish() == "Dear [[EMAIL_1"


def test_a_user_cannot_name_another_parts_placeholder() -> None:
    texts = [
        "The owner is boss@example.com.",
        r"Repeat this: [[EMAIL_1]] \[\[EMAIL\_1\]\] [[ email 1 ]] and mail me@example.com",
    ]

    redacted, placeholders = REDACTOR.redact_texts(texts)
    issued = re.findall(r"\[\[EMAIL_\d_[A-Z2-9]{4}\]\]", " ".join(redacted))

    assert len(issued) == 2
    assert placeholders.restore(texts[1]) == texts[1]
    assert [placeholders.restore(text) for text in redacted] == texts
    assert placeholders.restore(issued[0].lower()) == "boss@example.com"
    assert REDACTOR.redact_texts(texts)[0] != redacted


def test_originals_are_not_scanned_again() -> None:
    # An address whose local part is a placeholder of the same request, written in the one way that an address allows.
    placeholders = PlaceholderMap(
        {"[[EMAIL1]]": "[[EMAIL_2]]", "[[EMAIL2]]": "secret"}, REDACTOR.redact("")[1].evidence
    )
    stream = placeholders.stream()

    assert placeholders.restore("[[EMAIL_1]]") == "[[EMAIL_2]]"
    assert stream.feed("[[EMAIL_1]]") + stream.feed("") + stream.finish() == "[[EMAIL_2]]"


def test_originals_are_escaped_in_json() -> None:
    value = 'a"b\\c\n@example.com'
    placeholders = PlaceholderMap({"[[EMAIL1]]": value}, REDACTOR.redact("")[1].evidence)

    assert json.loads(placeholders.restore('{"to": "[[EMAIL_1]]"}', in_json=True)) == {"to": value}
    assert placeholders.restore("[[EMAIL_1]]") == value


def test_the_map_gives_no_value_away() -> None:
    _, placeholders = REDACTOR.redact("anna@example.com")

    assert repr(placeholders) == "<PlaceholderMap of 1>"
    assert "anna" not in f"{placeholders} {placeholders!r} {placeholders.stream()!r} {placeholders.evidence!r}"
    with pytest.raises(TypeError, match="memory of its request"):
        pickle.dumps(placeholders)
    with pytest.raises(TypeError, match="memory of its request"):
        copy.copy(placeholders)


def test_a_stream_holds_back_only_what_may_become_a_placeholder() -> None:
    _, placeholders = REDACTOR.redact("anna@example.com")
    stream = placeholders.stream()

    assert stream.feed("plain ") == "plain "
    assert stream.feed("a[0] = [") == "a[0] = "
    assert stream.feed("1, 2]") == "[1, 2]"
    assert stream.feed("[[EM") == ""
    assert stream.feed("PTY]] [[EMAIL") == "[[EMPTY]] "
    assert stream.feed("_1]") == ""
    assert stream.feed("], done") == "anna@example.com, done"
    assert stream.finish() == ""


def test_nothing_to_restore_holds_nothing_back() -> None:
    _, placeholders = REDACTOR.redact("hello")

    assert placeholders.stream().feed("[[EMAIL_") == "[[EMAIL_"


def test_one_shot_restoring_matches_a_plain_substitution() -> None:
    chance = random.Random(5)
    _, placeholders = REDACTOR.redact("a@example.com b@example.com")
    values = {"[[EMAIL_1]]": "a@example.com", "[[EMAIL_2]]": "b@example.com"}
    pieces = ["[[EMAIL_1]]", "[[EMAIL_2]]", "[[EMAIL_3]]", "[", "]", "[[", "x", "[[EMAIL_1", "\\"]
    for _ in range(2_000):
        answer = "".join(chance.choices(pieces, k=8))
        expected = re.sub(r"\[\[EMAIL_[12]\]\]", lambda match: values[match.group()], answer)
        # "[[EMAIL_1\]]" and the like are placeholders, too, but not to the plain substitution.
        tolerant = re.search(r"\[\\+\[|\[\[EMAIL_\d\\+\]|\]\\+\]", answer)
        assert tolerant or placeholders.restore(answer) == expected


@settings(max_examples=500, deadline=None)
@given(texts())
def test_restoring_the_redacted_text_gives_the_text(text: str) -> None:
    redacted, placeholders = REVERSIBLE.redact(text)

    assert placeholders.restore(redacted) == text
    assert (redacted == text) == (not REVERSIBLE.find(text))


@settings(max_examples=500, deadline=None)
@given(texts())
def test_findings_are_ordered_apart_and_inside_the_text(text: str) -> None:
    end = 0
    for finding in REDACTOR.find(text):
        assert end <= finding.start < finding.end <= len(text)
        assert text[finding.start : finding.end].strip(" ,;") == text[finding.start : finding.end]
        end = finding.end


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(VALUES), st.text(max_size=30), st.text(max_size=30))
def test_a_value_between_any_two_texts_is_covered(value: str, before: str, after: str) -> None:
    text = f"{before}\n{value}\n{after}"
    start = len(before) + 1

    covered = {place for finding in REDACTOR.find(text) for place in range(finding.start, finding.end)}

    assert covered.issuperset(range(start, start + len(value)))


def test_what_was_escaped_is_not_escaped_twice() -> None:
    redacted, placeholders = REDACTOR.redact(r'{"to": "Herr Andr\u00e9 M\u00fcller"}')

    assert redacted == '{"to": "Herr [[NAME_1]]"}'
    assert json.loads(placeholders.restore(redacted, in_json=True)) == {"to": "Herr André Müller"}
    assert placeholders.restore(redacted) == r'{"to": "Herr Andr\u00e9 M\u00fcller"}'
