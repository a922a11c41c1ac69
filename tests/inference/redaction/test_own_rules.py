from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.redaction import Policy, Redactor
from inference.redaction.finding import Span
from inference.redaction.matcher_re2 import Re2Matcher
from inference.redaction.matcher_vectorscan import VectorscanMatcher
from inference.redaction.own_rules import OwnScanner, own_rules, triggers
from inference.redaction.patterns import Pattern
from inference.redaction.rules import Rules
from inference.redaction.shadow import cast


def policy(**sections: Any) -> Policy:
    return Policy.from_json({"version": 2, **sections})


def rule(**fields: Any) -> Policy:
    return policy(custom=[{"id": "own", "label": "OWN", **fields}])


def redacted(made: Policy, text: str) -> str:
    return Redactor(made).redact(text)[0]


def test_a_pattern_finds_what_it_says() -> None:
    staff = rule(pattern="EMP-[0-9]{6}")

    text, placeholders = Redactor(staff).redact("EMP-123456 and EMP-123456, EMP-\uff11\uff12\uff13\uff14\uff15\uff16")

    assert text == "[[OWN_1]] and [[OWN_1]], [[OWN_2]]"
    assert placeholders.restore(text).endswith("EMP-\uff11\uff12\uff13\uff14\uff15\uff16")
    assert placeholders.evidence.replaced == {"OWN": 3}


def test_words_stand_alone_in_any_case_and_may_be_wrapped() -> None:
    projects = rule(words=["Aurora", "Große Straße", "New", "New Y", "C++", "A Team"])

    assert redacted(projects, "AURORA auroras xaurora Aurora2 _aurora") == "[[OWN_1]] auroras xaurora Aurora2 _aurora"
    assert redacted(projects, "große\n  straße, Grosse Straße") == "[[OWN_1]], Grosse Straße"
    assert redacted(projects, "New York, New Y.") == "[[OWN_1]] York, [[OWN_2]]."
    assert redacted(projects, "C++ c++, C++17; a team") == "[[OWN_1]] [[OWN_2]], C++17; [[OWN_3]]"


def test_context_words_have_to_announce_it() -> None:
    numbers = rule(pattern="[0-9]{6}", context=["Personalnummer", "staff no"])

    assert redacted(numbers, "Personalnummer: 123456, order") == "Personalnummer: [[OWN_1]], order"
    assert redacted(numbers, '{"staffNo": "123456"}') == '{"staffNo": "[[OWN_1]]"}'
    assert redacted(numbers, "order 123456") == "order 123456"


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        ("luhn", "X-7992 7398 713", "X-7992 7398 710"),
        ("mod97", "X-5299 0012 3456 0000 73 09", "X-5299 0012 3456 0000 73 08"),
    ],
)
def test_check_digits(check: str, good: str, bad: str) -> None:
    if check == "mod97":
        good, bad = good.removeprefix("X-"), bad.removeprefix("X-")
        digits = good.replace(" ", "")
        good = digits[:-2] + f"{98 - int(digits[:-2] + '00') % 97:02}"
        bad = digits[:-2] + f"{(98 - int(digits[:-2] + '00') % 97 + 1) % 100:02}"
        checked = rule(pattern=r"\d{10,30}", check=check)
    else:
        checked = rule(pattern=r"X-[\d ]{10,20}\d", check=check)

    assert "[[OWN_1]]" in redacted(checked, good)
    assert redacted(checked, bad) == bad


def test_actions_of_rules() -> None:
    assert redacted(rule(words=["aurora"], action="flag"), "aurora") == "aurora"
    assert redacted(rule(words=["aurora"], action="allow"), "aurora") == "aurora"
    masked, placeholders = Redactor(rule(words=["aurora"], action="mask")).redact("aurora")
    assert placeholders.restore(masked) == "[[OWN_1]]"
    with_type = policy(
        entities={"IBAN": {"action": "mask"}}, custom=[{"id": "a", "label": "IBAN", "pattern": "KTO[0-9]{4}"}]
    )
    masked, placeholders = Redactor(with_type).redact("KTO1234")
    assert (masked, placeholders.restore(masked)) == ("[[IBAN_1]]", "[[IBAN_1]]")


def test_what_is_allowed_is_left_alone() -> None:
    mine = policy(
        allow={
            "values": ["info@acme.example"],
            "patterns": ["test-[0-9]{1,6}@[a-z]{2,20}[.]org"],
            "domains": ["corp.example"],
        }
    )

    for value in (
        "info@acme.example",
        "INFO@ACME.example",
        "test-12@some.org",
        "joe@corp.example",
        "joe@eu.corp.example",
    ):
        assert redacted(mine, value) == value
    for value in ("xinfo@acme.example", "test-12@some.org.uk", "joe@notcorp.example", "joe@corp.example.com"):
        assert redacted(mine, value) == "[[EMAIL_1]]"


def test_what_is_denied_is_found_everywhere() -> None:
    strict = policy(
        entities={"EMAIL": {"action": "flag"}},
        allow={"domains": ["acme.example"]},
        deny={"values": ["Łódź plan", "joe"], "patterns": ["K-[0-9]{4}"]},
    )

    text, placeholders = Redactor(strict).redact("łódź PLAN joe@acme.example joe@b.example bob@b.example K-1234")

    assert text == "[[DENIED_1]] [[DENIED_2]]@acme.example [[DENIED_2]]@b.example bob@b.example [[DENIED_3]]"
    assert placeholders.evidence.flagged == {"EMAIL": 1}
    assert placeholders.restore("[[DENIED_3]]") == "K-1234"
    masked, kept = Redactor(policy(deny={"values": ["joe"], "action": "mask"})).redact("joe")
    assert kept.restore(masked) == masked


def test_countries_narrow_what_has_no_check_digits() -> None:
    weak = Pattern("weak", "PHONE", "x", lambda *_: None, country="PL")
    everywhere = Pattern("everywhere", "PHONE", "x", lambda *_: None)
    german, any_country = Rules(policy(countries=["DE"]), None, ""), Rules(policy(), None, "")
    by_language, unknown = Rules(policy(languages=["de"]), None, ""), Rules(policy(languages=["de", "xx"]), None, "")

    for narrow in (german, by_language):
        assert not narrow.keeps(weak, "x", (0, 1, 0.85))
        assert narrow.keeps(weak, "x", (0, 1, 1.0))
        assert narrow.keeps(everywhere, "x", (0, 1, 0.5))
    for wide in (any_country, unknown):
        assert wide.keeps(weak, "x", (0, 1, 0.5))
    assert any_country.idle
    assert not german.idle


RULES = policy(
    custom=[
        {"id": "a", "label": "A", "pattern": "a[0-9 ]{1,4}b?"},
        {"id": "b", "label": "B", "words": ["ab", "ab a", "bö 1", "é1 b"]},
        {"id": "c", "label": "C", "pattern": r"\bÖ?b1|1é{1,2}$", "flags": "i"},
    ],
    deny={"values": ["a1"], "patterns": ["bb|b ?1"]},
)


@given(st.text(alphabet="abAB1 öÖéÉ\n", max_size=40))
def test_rules_find_the_same_with_either_engine(text: str) -> None:
    rules, shadow = own_rules(RULES), cast(text)

    found: list[list[Span]] = [
        sorted(OwnScanner(rules, make(triggers(rules))).spans(shadow)) for make in (VectorscanMatcher, Re2Matcher)
    ]

    assert found[0] == found[1]


@pytest.mark.parametrize("pattern", ["(a{1,20}){2,20}$", r"(\w{1,20}\s?){2,20}:$", "(a|a?){1,25}ab", "(.{0,30}a){20}"])
def test_what_backtracks_elsewhere_is_linear_here(pattern: str) -> None:
    scanner = Redactor(rule(pattern=pattern))
    times = []
    for size in (50_000, 200_000):
        text = "a" * size + "!"
        scanner.find(text)
        began = time.perf_counter()
        scanner.find(text)
        times.append(time.perf_counter() - began)

    # Four times the text takes about four times as long; what backtracks would not come back.
    assert times[1] < max(0.2, 16 * times[0])
