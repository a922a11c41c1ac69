from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from inference.redaction import TYPES, Action, Blocked, Policy, PolicyError, RedactionError, Redactor, TextTooLong

TEXT = "anna@example.com, DE89 3704 0044 0532 0130 00, 10.1.2.3, anna@example.com"


def redactor(**actions: str) -> Redactor:
    return Redactor(Policy.from_json({"version": 7, "entities": {kind: {"action": actions[kind]} for kind in actions}}))


def test_the_default_policy_restores_all_but_cards_and_credentials() -> None:
    policy = Policy()

    assert {kind for kind in TYPES if policy.action(kind) is Action.MASK} == {
        "CARD",
        "SECRET",
        "URL_CREDENTIALS",
    }
    assert {policy.action(kind) for kind in TYPES} == {Action.MASK, Action.REVERSIBLE}


def test_each_action() -> None:
    redacted, placeholders = redactor(EMAIL="mask", IBAN="flag", IP="allow").redact(TEXT)

    assert redacted == "[[EMAIL_1]], DE89 3704 0044 0532 0130 00, 10.1.2.3, [[EMAIL_1]]"
    assert placeholders.restore(redacted) == redacted
    assert placeholders.evidence.replaced == {"EMAIL": 2}
    assert placeholders.evidence.flagged == {"IBAN": 1}
    assert placeholders.evidence.policy_version == 7
    assert placeholders.evidence.layers == ("patterns", "cues")


def test_the_evidence_header_counts_by_type() -> None:
    assert Redactor().redact(TEXT)[1].evidence.header == "EMAIL=2,IBAN=1,IP=1"
    assert Redactor().redact("nothing")[1].evidence.header == ""
    assert Redactor().redact("nothing")[1].evidence.layers_header == "patterns,cues,ner=none"


def test_an_allowed_type_hides_nothing_else() -> None:
    assert [finding.type for finding in redactor(IBAN="allow").find("DE89 3704 0044 0532 0130 00")] != ["IBAN"]


def test_a_blocked_type_is_named_and_its_value_is_not() -> None:
    with pytest.raises(Blocked) as refusal:
        redactor(IBAN="block").redact_texts(["hello", TEXT])

    assert refusal.value.type == "IBAN"
    assert "IBAN" in str(refusal.value)
    assert "version 7" in str(refusal.value)
    assert "3704" not in f"{refusal.value!r} {refusal.value.__dict__}"
    assert redactor(IBAN="block").redact("hello")[0] == "hello"


def test_a_default_action_counts_for_all_that_is_not_named() -> None:
    policy = Policy.from_json(
        '{"version": 2, "default_action": "flag", "entities": {"CARD": {"action": "reversible"}}}'
    )

    assert policy.action("SECRET") is Action.FLAG
    assert policy.action("CARD") is Action.REVERSIBLE


def test_json_there_and_back() -> None:
    document = {"version": 3, "default_action": "mask", "entities": {"IBAN": {"action": "block"}}}

    assert Policy.from_json(json.dumps(document)).to_json() == document


def test_a_policy_is_frozen() -> None:
    policy = Policy(version=1, actions={"EMAIL": Action.MASK})

    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.version = 2  # type: ignore[misc]
    with pytest.raises(TypeError):
        policy.actions["EMAIL"] = Action.ALLOW  # type: ignore[index]


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ("{", "policy"),
        ([], "policy"),
        ({}, "version"),
        ({"version": 0}, "version"),
        ({"version": True}, "version"),
        ({"version": "1"}, "version"),
        ({"version": 1, "default_action": "drop"}, "default_action"),
        ({"version": 1, "default_action": 3}, "default_action"),
        ({"version": 1, "entities": []}, "entities"),
        ({"version": 1, "entities": {"EMAIL": "mask"}}, "entities.EMAIL"),
        ({"version": 1, "entities": {"EMAIL": {}}}, "entities.EMAIL.action"),
        ({"version": 1, "entities": {"EMAIL": {"action": "hide"}}}, "entities.EMAIL.action"),
        ({"version": 1, "entities": {"EMAIL": {"action": ["mask"]}}}, "entities.EMAIL.action"),
        ({"version": 1, "entities": {"EMAIL": {"action": "mask", "colour": "red"}}}, "entities.EMAIL.colour"),
        ({"version": 1, "entities": {"WEIGHT": {"action": "mask"}}}, "entities.WEIGHT"),
        ({"version": 1, "actions": {}}, "actions"),
        ({"version": 1, "gazetteer": 1}, "gazetteer"),
    ],
)
def test_an_invalid_policy_names_the_field(document: Any, field: str) -> None:
    with pytest.raises(PolicyError) as refusal:
        Policy.from_json(document)

    assert refusal.value.field == field
    assert str(refusal.value).startswith(f"{field}: ")


def test_too_long_counts_all_texts_together() -> None:
    small = Redactor(max_characters=10)

    assert small.redact_texts(["12345", "67890"])[0] == ["12345", "67890"]
    with pytest.raises(TextTooLong) as refusal:
        small.redact_texts(["12345", "678901"])
    assert (refusal.value.length, refusal.value.limit) == (11, 10)
    assert issubclass(TextTooLong, RedactionError)
    assert issubclass(Blocked, RedactionError)
    assert issubclass(PolicyError, RedactionError)
