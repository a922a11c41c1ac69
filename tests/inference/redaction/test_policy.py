from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from inference.redaction import (
    TYPES,
    Action,
    Blocked,
    Entity,
    Policy,
    PolicyError,
    RedactionError,
    Redactor,
    ScanFailed,
    TextTooLong,
)

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
    document = {
        "version": 3,
        "default_action": "mask",
        "entities": {"IBAN": {"action": "block", "min_score": 0.9, "context": "required"}},
        "languages": ["de", "fr"],
        "countries": ["DE"],
        "on_error": "allow",
        "custom": [
            {
                "id": "staff",
                "label": "STAFF_NUMBER",
                "pattern": "EMP-[0-9]{6}",
                "flags": "i",
                "check": "luhn",
                "context": ["Personalnummer"],
                "action": "hash",
            },
            {"id": "projects", "label": "PROJECT", "words": ["Aurora", "Große Straße"]},
        ],
        "allow": {"values": ["info@example.com"], "patterns": ["test-[0-9]{1,9}@x\\.org"], "domains": ["example.org"]},
        "deny": {"values": ["Łódź"], "patterns": ["K-[0-9]{4}"], "action": "block"},
        "placeholder": {"format": "plain"},
        "routes": {"system": False},
        "output_scan": "mask",
        "evidence": {"hash": "hmac"},
    }

    assert Policy.from_json(json.dumps(document)).to_json() == document


def test_a_policy_is_frozen() -> None:
    policy = Policy(version=1, entities={"EMAIL": Entity(Action.MASK)})

    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.version = 2  # type: ignore[misc]
    with pytest.raises(TypeError):
        policy.entities["EMAIL"] = Entity(Action.ALLOW)  # type: ignore[index]


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
        ({"version": 1, "anna@example.com": {}}, "?"),
        ({"version": 1, "languages": "de"}, "languages"),
        ({"version": 1, "languages": ["de", "deu"]}, "languages.1"),
        ({"version": 1, "countries": ["de"]}, "countries.0"),
        ({"version": 1, "on_error": "ignore"}, "on_error"),
        ({"version": 1, "entities": {"EMAIL": {"action": "mask", "min_score": 2}}}, "entities.EMAIL.min_score"),
        ({"version": 1, "entities": {"EMAIL": {"action": "mask", "min_score": True}}}, "entities.EMAIL.min_score"),
        ({"version": 1, "entities": {"EMAIL": {"action": "mask", "context": "always"}}}, "entities.EMAIL.context"),
        ({"version": 1, "entities": {"NAME": {"action": "mask", "context": "required"}}}, "entities.NAME.context"),
        ({"version": 1, "custom": {}}, "custom"),
        ({"version": 1, "custom": [3]}, "custom.0"),
        ({"version": 1, "custom": [{"id": "A b", "label": "A", "words": ["aa"]}]}, "custom.0.id"),
        ({"version": 1, "custom": [{"id": "a", "label": "staff", "words": ["aa"]}]}, "custom.0.label"),
        ({"version": 1, "custom": [{"id": "a", "label": "A1", "words": ["aa"]}]}, "custom.0.label"),
        ({"version": 1, "custom": [{"id": "a", "label": "DENIED", "words": ["aa"]}]}, "custom.0.label"),
        ({"version": 1, "custom": [{"id": "a", "label": "E_MAIL", "words": ["aa"]}]}, "custom.0.label"),
        ({"version": 1, "custom": [{"id": "a", "label": "A"}]}, "custom.0.pattern"),
        ({"version": 1, "custom": [{"id": "a", "label": "A", "words": ["aa"], "pattern": "bb"}]}, "custom.0.pattern"),
        ({"version": 1, "custom": [{"id": "a", "label": "A", "words": []}]}, "custom.0.words"),
        ({"version": 1, "custom": [{"id": "a", "label": "A", "words": ["aa", "a"]}]}, "custom.0.words.1"),
        ({"version": 1, "custom": [{"id": "a", "label": "A", "words": ["株式会社"]}]}, "custom.0.words.0"),
        ({"version": 1, "custom": [{"id": "a", "label": "A", "pattern": "(a"}]}, "custom.0.pattern"),
        ({"version": 1, "custom": [{"id": "a", "label": "A", "pattern": "a" * 513}]}, "custom.0.pattern"),
        ({"version": 1, "custom": [{"id": "a", "label": "A", "pattern": "aa", "flags": "x"}]}, "custom.0.flags"),
        ({"version": 1, "custom": [{"id": "a", "label": "A", "pattern": "aa", "check": "md5"}]}, "custom.0.check"),
        ({"version": 1, "custom": [{"id": "a", "label": "IBAN", "words": ["aa"], "action": "mask"}]}, "custom.0.action"),
        (
            {"version": 1, "custom": [{"id": "a", "label": "A", "words": ["aa"]}, {"id": "a", "label": "B", "words": ["bb"]}]},
            "custom.1.id",
        ),
        ({"version": 1, "allow": {"domains": ["Example.com"]}}, "allow.domains.0"),
        ({"version": 1, "allow": {"patterns": ["a+"]}}, "allow.patterns.0"),
        ({"version": 1, "allow": {"values": [""]}}, "allow.values.0"),
        ({"version": 1, "deny": {"values": ["x" * 129]}}, "deny.values.0"),
        ({"version": 1, "deny": {"patterns": ["ab"] * 101}}, "deny.patterns"),
        ({"version": 1, "deny": {"values": ["ab"] * 1500}, "allow": {"values": ["ab"] * 1500}}, "policy"),
        ({"version": 1, "placeholder": {"format": "<{type}>"}}, "placeholder.format"),
        ({"version": 1, "routes": {"user": False}}, "routes.user"),
        ({"version": 1, "routes": {"tools": 0}}, "routes.tools"),
        ({"version": 1, "output_scan": "block"}, "output_scan"),
        ({"version": 1, "evidence": {"hash": "sha256"}}, "evidence.hash"),
    ],
)  # fmt: skip
def test_an_invalid_policy_names_the_field(document: Any, field: str) -> None:
    with pytest.raises(PolicyError) as refusal:
        Policy.from_json(document)

    assert refusal.value.field == field
    assert str(refusal.value).startswith(f"{field}: ")


def test_every_problem_is_named_at_once_and_no_value_is_repeated() -> None:
    with pytest.raises(PolicyError) as refusal:
        Policy.from_json(
            {
                "version": 0,
                "entities": {"anna@example.com": {"action": "mask"}, "CARD": {"action": "anna"}},
                "custom": [{"id": "a", "label": "A", "pattern": "Anna+"}],
                "allow": {"domains": ["Anna Example"]},
            }
        )

    assert {field for field, _ in refusal.value.problems} == {
        "version",
        "entities.?",
        "entities.CARD.action",
        "custom.0.pattern",
        "allow.domains.0",
    }
    assert "nna" not in str(refusal.value)


def policy(**sections: Any) -> Policy:
    return Policy.from_json({"version": 2, **sections})


def test_a_finding_below_its_score_does_not_count() -> None:
    text = "Tel. 030 1234567, DE89 3704 0044 0532 0130 00"
    (phone, iban) = Redactor().find(text)
    raised = policy(entities={"PHONE": {"action": "mask", "min_score": phone.score + 0.01}})

    assert [finding.type for finding in Redactor(raised).find(text)] == ["IBAN"]
    assert iban.score == 1


CONTEXTS = {
    "EMAIL": ("write to", "anna@example.com"),
    "PHONE": ("Telefonnummer:", "+49 170 12345678"),
    "IBAN": ("IBAN:", "DE89 3704 0044 0532 0130 00"),
    "BIC": ("SWIFT code:", "DEUTDEFFXXX"),
    "CARD": ("credit card", "4111 1111 1111 1111"),
    "IP": ("client IP", "2001:db8::8a2e:370:7334"),
    "MAC": ("MAC address", "0a:1b:2c:3d:4e:5f"),
    "URL_CREDENTIALS": ("the login is", "https://bob:s3cr3tw0rd@example.org/x"),
    "SECRET": ("access key", "AKIAIOSFODNN7EXAMPLE"),
    "VAT": ("USt-IdNr", "DE136695976"),
    "NATIONAL_ID": ("henkilötunnus", "131052-308T"),
    "PASSPORT": ("passport number", "C01X00T47"),
    "DRIVING_LICENCE": ("driving licence", "MORGA753116SM9IJ"),
    "DATE_OF_BIRTH": ("born on", "1987-03-12"),
    "HEALTH_INSURANCE": ("KVNR", "A123456780"),
    "VEHICLE": ("VIN", "WVWZZZ1JZ3W386752"),
    "CRYPTO": ("Bitcoin wallet", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    "LOCATION": ("GPS", "52.520008° N, 13.404954° E"),
}
"""A value of each type, after what announces it. Some are found only there, all the others by their form as well."""
FORMLESS = {"PASSPORT", "DATE_OF_BIRTH", "HEALTH_INSURANCE", "VEHICLE", "NAME", "ADDRESS"}


@pytest.mark.parametrize("kind", TYPES)
def test_a_context_can_be_required_or_is_how_the_type_is_found(kind: str) -> None:
    section = {kind: {"action": "mask", "context": "required"}}
    if kind not in CONTEXTS:
        with pytest.raises(PolicyError) as refusal:
            policy(entities=section)
        assert refusal.value.field == f"entities.{kind}.context"
        assert "how they are found" in refusal.value.problem
        return
    words, value = CONTEXTS[kind]
    announced, bare = f"{words} {value}.", f"x\n\n{'- ' * 40}{value} -"
    strict = Redactor(policy(entities=section))

    assert f"[[{kind}_1]]" in strict.redact(announced)[0]
    assert kind not in {finding.type for finding in strict.find(bare)}
    assert kind in FORMLESS or kind in {finding.type for finding in Redactor().find(bare)}


def test_a_hash_is_the_same_in_every_request_of_one_key_only() -> None:
    hashed = policy(entities={"IBAN": {"action": "hash"}})
    one, other = Redactor(hashed, hash_key=b"1" * 32), Redactor(hashed, hash_key=b"2" * 32)

    first, placeholders = one.redact("DE89 3704 0044 0532 0130 00 and anna@example.com")
    again, _ = one.redact("anna@example.com, [[EMAIL_1]], de89370400440532013000")
    elsewhere, _ = other.redact("DE89 3704 0044 0532 0130 00")

    name = first.partition(" ")[0]
    assert name.startswith("[[IBAN_H") and again.endswith(name) and name != elsewhere
    assert placeholders.restore(first) == f"{name} and anna@example.com"
    assert "3704" not in first
    with pytest.raises(ValueError, match="hash_key"):
        Redactor(hashed)


def test_plain_placeholders_do_not_tell_the_type() -> None:
    redacted, placeholders = Redactor(policy(placeholder={"format": "plain"})).redact("anna@example.com, 10.1.2.3")

    assert redacted == "[[DATA_1]], [[DATA_2]]"
    assert placeholders.restore(redacted) == "anna@example.com, 10.1.2.3"
    assert placeholders.evidence.replaced == {"EMAIL": 1, "IP": 1}


def test_a_part_of_the_request_can_be_left_out_but_not_be_used_to_name_placeholders() -> None:
    texts = ["You are for anna@example.com. [[EMAIL_1]]", "bob@example.com"]
    redactor = Redactor(policy(routes={"system": False}))

    (system, user), placeholders = redactor.redact_texts(texts, routes=["system", "user"])

    assert system == texts[0]
    assert placeholders.evidence.replaced == {"EMAIL": 1}
    assert "bob" not in user and user != "[[EMAIL_1]]"
    assert placeholders.restore(system) == texts[0]
    assert redactor.redact_texts(texts)[1].evidence.replaced == {"EMAIL": 2}


def test_hashes_in_the_evidence_link_requests() -> None:
    redactor = Redactor(policy(evidence={"hash": "hmac"}), hash_key=b"1" * 32)

    one = redactor.redact("anna@example.com, Anna@Example.com, 10.1.2.3")[1].evidence
    other = redactor.redact("from anna@example.com")[1].evidence

    assert len(one.hashes) == 2
    assert set(other.hashes) < set(one.hashes)
    assert one.hashes[0].startswith("EMAIL:")
    assert Redactor().redact("anna@example.com")[1].evidence.hashes == ()


def test_a_policy_says_what_to_do_with_what_fails() -> None:
    assert policy().on_error == "block"
    assert policy(on_error="allow").on_error == "allow"
    assert issubclass(ScanFailed, RedactionError)


def test_the_language_of_a_policy_counts_where_the_caller_names_none() -> None:
    danish = Redactor(policy(languages=["da"]))

    assert [finding.type for finding in danish.find("Prøv 20 12 34 56")] == ["PHONE"]
    assert danish.find("Prøv 20 12 34 56", "de") == []


def test_too_long_counts_all_texts_together() -> None:
    small = Redactor(max_characters=10)

    assert small.redact_texts(["12345", "67890"])[0] == ["12345", "67890"]
    with pytest.raises(TextTooLong) as refusal:
        small.redact_texts(["12345", "678901"])
    assert (refusal.value.length, refusal.value.limit) == (11, 10)
    assert issubclass(TextTooLong, RedactionError)
    assert issubclass(Blocked, RedactionError)
    assert issubclass(PolicyError, RedactionError)
