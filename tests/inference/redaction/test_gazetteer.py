from __future__ import annotations

import pytest

from inference.redaction import Policy, Redactor

WITH = Redactor(gazetteer=True)


def names(redactor: Redactor, text: str) -> list[tuple[str, str]]:
    return [(text[finding.start : finding.end], finding.layer) for finding in redactor.find(text)]


@pytest.mark.parametrize(
    "name",
    [
        "Anna Schmidt",
        "Jean-Pierre Dupont",
        "Małgorzata Kowalska",
        "João da Silva",
        "Γιώργος Παπαδόπουλος",
        "Иван Петров",
        "Pieter van Dijk",
    ],
)
def test_a_given_name_of_the_list_and_a_capitalised_word(name: str) -> None:
    text = f"Gestern hat {name} angerufen."

    assert names(Redactor(), text) == []
    assert names(WITH, text) == [(name, "gazetteer")]


@pytest.mark.parametrize(
    "text",
    [
        "Anna",
        "Anna said",
        "Paris Berlin",
        "Victoria Station Road",
        "in Florence Italy",
        "Anna Monday",
        "class Anna Schmidt_x",
        "anna schmidt",
    ],
)
def test_other_words_are_none(text: str) -> None:
    assert names(WITH, text) == []


def test_a_listed_name_is_repeated_too() -> None:
    assert names(WITH, "gestern Anna Schmidt, heute Anna") == [("Anna Schmidt", "gazetteer"), ("Anna", "cues")]


def test_a_policy_asks_for_it_and_the_evidence_says_so() -> None:
    policy = Policy.from_json({"version": 1, "gazetteer": True})

    redacted, placeholders = Redactor(policy).redact("gestern Anna Schmidt")

    assert redacted == "gestern [[NAME_1]]"
    assert placeholders.evidence.layers == ("patterns", "cues", "gazetteer")
    assert placeholders.evidence.layers_header == "patterns,cues,gazetteer,ner=none"
    assert Policy.from_json(policy.to_json()) == policy
