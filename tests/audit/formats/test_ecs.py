from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from audit.actions import Action
from audit.entry import Entry
from audit.formats import Format, forms
from audit.merkle import leaf_hash
from tests.audit.formats.entries import BY_KEY, KEY, LOG, PSEUDONYM, REQUEST, SYSTEM, entry, fields, of_every_action

_FIELDS = Path(__file__).parents[2] / "vectors/ecs/fields.json"
_OURS = "bailiwick."


@cache
def _schema() -> dict[str, Any]:
    return json.loads(_FIELDS.read_text())  # type: ignore[no-any-return]


def _document(found: Entry, seq: int = 41) -> dict[str, Any]:
    (form,) = forms([Format.ECS], LOG)
    line = form.line(found.body(), seq)
    assert b"\n" not in line
    return json.loads(line)  # type: ignore[no-any-return]


def _flat(value: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, item in value.items():
        if isinstance(item, dict):
            yield from _flat(item, f"{path}{name}.")
        else:
            yield f"{path}{name}", item


def problems(document: dict[str, Any]) -> list[str]:
    """Everything in it that ECS has no such field, form or value for; our own namespace is left alone."""
    flat = dict(_flat({name: value for name, value in document.items() if name != _OURS.rstrip(".")}))
    found = [f"{name}: missing" for name in ("@timestamp", "ecs.version") if name not in flat]
    for name, value in flat.items():
        field = _schema()["fields"].get(name)
        if field is None:
            found.append(f"{name}: no such field")
        elif field["array"] != isinstance(value, list):
            found.append(f"{name}: {'not ' if field['array'] else ''}a list")
        else:
            found += [
                f"{name}: {said}" for item in (value if field["array"] else [value]) if (said := _wrong(field, item))
            ]
    allowed = _schema()["fields"]["event.category"]["expected_types"]
    categories = flat.get("event.category", [])
    expected = {name for category in categories for name in allowed.get(category, [])}
    found += [
        f"event.type: {name} is not expected with {categories}"
        for name in flat.get("event.type", [])
        if categories and name not in expected
    ]
    return found


def _wrong(field: dict[str, Any], value: Any) -> str | None:
    python = int if field["type"] == "long" else str
    if not isinstance(value, python) or isinstance(value, bool):
        return f"not of type {field['type']}"
    if field.get("ignore_above") and len(value) > field["ignore_above"]:
        return "too long to be indexed"
    if field.get("allowed") and value not in field["allowed"]:
        return f"{value!r} is not one of its values"
    return None


def test_every_action_by_anybody_is_a_document_of_the_schema() -> None:
    wrong = {
        f"{action} by {found.actor.type}": said
        for action, found in of_every_action()
        if (said := problems(_document(found)))
    }

    assert wrong == {}


def test_a_document_leads_back_to_the_entry_that_is_proven() -> None:
    found = entry(Action.RETENTION_CHANGED.value, after={"payload_days": 14})

    document = _document(found, seq=123_456)

    assert document["event"]["original"].encode() == found.body()
    assert document["event"]["hash"] == hashlib.sha256(found.body()).hexdigest()
    assert document["bailiwick"]["leaf_hash"] == leaf_hash(found.body()).hex()
    assert (document["event"]["sequence"], document["event"]["id"]) == (123_456, found.id)
    assert document["log"]["logger"] == LOG.origin
    assert document["@timestamp"] == "2026-11-21T10:28:57.496908Z"


def test_the_actor_is_a_pseudonym_a_key_or_nobody() -> None:
    documents = [
        _document(entry(Action.MEMBERSHIP_GRANTED.value, actor, after={"role": "admin"}))
        for actor in (entry("").actor, BY_KEY, SYSTEM)
    ]

    assert [document["user"].get("id") for document in documents] == [PSEUDONYM, KEY, None]
    assert all(document["user"]["target"] == {"id": "b" * 32, "roles": ["admin"]} for document in documents)


def test_a_call_and_how_it_ended_have_the_same_request() -> None:
    began = _document(entry(Action.INFERENCE_REQUESTED.value, BY_KEY))
    ended = _document(entry(Action.INFERENCE_COMPLETED.value, BY_KEY, after=fields(Action.INFERENCE_COMPLETED)))

    assert began["http"]["request"]["id"] == ended["http"]["request"]["id"] == REQUEST
    assert ended["http"]["response"]["status_code"] == 200
    assert (ended["event"]["outcome"], ended["event"]["duration"]) == ("success", 1_250_000_000)


@pytest.mark.parametrize(
    "members",
    [
        {"event": {"category": ["weather"], "type": ["info"]}},
        {"event": {"category": ["authentication"], "type": ["deletion"]}},
        {"event": {"category": "iam"}},
        {"event": {"outcome": "fine"}},
        {"event": {"sequence": "1"}},
        {"event": {"sequence": True}},
        {"user": {"id": "x" * 1025}},
        {"user": {"colour": "red"}},
        {"related": {"hash": "x"}},
    ],
)
def test_the_check_refuses_what_the_schema_does_not_describe(members: dict[str, Any]) -> None:
    document = _document(entry(Action.INFERENCE_REQUESTED.value))
    assert problems(document) == []

    assert problems(document | members)
