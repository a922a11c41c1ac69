from __future__ import annotations

import copy
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from audit.actions import Action
from audit.entry import Entry
from audit.formats import Format, forms
from audit.merkle import leaf_hash
from tests.audit.formats.entries import BY_KEY, KEY, LOG, PSEUDONYM, REQUEST, SYSTEM, entry, fields, of_every_action
from tests.audit.formats.ocsf_schema import SCHEMA, extract, problems


def _event(found: Entry, seq: int = 41) -> dict[str, Any]:
    (form,) = forms([Format.OCSF], LOG)
    line = form.line(found.body(), seq)
    assert b"\n" not in line
    return json.loads(line)  # type: ignore[no-any-return]


def test_every_action_by_anybody_is_an_event_of_the_schema() -> None:
    wrong = {
        f"{action} by {found.actor.type}": said
        for action, found in of_every_action()
        if (said := problems(_event(found)))
    }

    assert wrong == {}


@pytest.mark.parametrize(
    ("action", "class_uid", "activity_id"),
    [
        (Action.SIGNED_IN, 3002, 1),
        (Action.SIGNED_OUT, 3002, 2),
        (Action.SIGN_IN_REFUSED, 3002, 1),
        (Action.KEY_REFUSED, 3002, 1),
        (Action.KEY_ISSUED, 3004, 1),
        (Action.KEY_REVOKED, 3004, 11),
        (Action.MEMBER_CREATED, 3001, 1),
        (Action.MEMBER_REMOVED, 3001, 6),
        (Action.PASSWORD_CHANGED, 3001, 3),
        (Action.TOTP_ENROLLED, 3001, 10),
        (Action.MEMBERSHIP_GRANTED, 3005, 1),
        (Action.MEMBERSHIP_REVOKED, 3005, 2),
        (Action.INFERENCE_REQUESTED, 6003, 1),
        (Action.EXPORT_DOWNLOADED, 6003, 2),
        (Action.PAYLOADS_EXPIRED, 6005, 7),
        (Action.ERASURE_COMPLETED, 6005, 7),
        (Action.MODEL_IMPORTED, 6002, 1),
        (Action.JOB_FAILED, 6008, 1),
    ],
)
def test_an_action_is_of_the_class_that_a_siem_looks_for(action: Action, class_uid: int, activity_id: int) -> None:
    event = _event(entry(action.value))

    assert (event["class_uid"], event["activity_id"]) == (class_uid, activity_id)


def test_an_event_leads_back_to_the_entry_that_is_proven() -> None:
    found = entry(Action.RETENTION_CHANGED.value, after={"payload_days": 14})

    event = _event(found, seq=123_456)

    assert event["raw_data"].encode() == found.body()
    assert event["raw_data_hash"]["value"] == hashlib.sha256(found.body()).hexdigest()
    assert event["raw_data_size"] == len(found.body())
    assert event["unmapped"]["leaf_hash"] == leaf_hash(found.body()).hex()
    assert event["metadata"]["sequence"] == 123_456
    assert event["metadata"]["uid"] == found.id
    assert event["metadata"]["log_name"] == LOG.origin
    assert (event["time"], event["time_dt"]) == (1795256937496, "2026-11-21T10:28:57.496908Z")


def test_the_actor_is_a_pseudonym_a_key_or_the_cell() -> None:
    member, key, system = (
        _event(entry(Action.EXPORT_REQUESTED.value, actor)) for actor in (entry("").actor, BY_KEY, SYSTEM)
    )

    assert member["actor"]["user"]["uid"] == PSEUDONYM
    assert key["actor"]["user"]["uid"] == KEY
    assert key["actor"]["user"]["programmatic_credentials"][0]["uid"] == KEY
    assert system["actor"] == {"app_name": "Bailiwick", "app_uid": "job"}


def test_a_call_and_how_it_ended_have_the_same_request() -> None:
    began = _event(entry(Action.INFERENCE_REQUESTED.value, BY_KEY, after=fields(Action.INFERENCE_REQUESTED)))
    ended = _event(entry(Action.INFERENCE_COMPLETED.value, BY_KEY, after=fields(Action.INFERENCE_COMPLETED)))

    assert began["metadata"]["correlation_uid"] == ended["metadata"]["correlation_uid"] == REQUEST
    assert began["ai_model"]["name"] == "bailiwick-demo-chat"
    assert ended["message_context"] == {"uid": REQUEST, "prompt_tokens": 12, "completion_tokens": 34}
    assert (ended["status_id"], ended["status_code"], ended["duration"]) == (1, "200", 1250)


def test_an_action_of_a_newer_release_is_a_base_event() -> None:
    event = _event(entry("moon.landed"))

    assert problems(event) == []
    assert (event["class_uid"], event["type_uid"], event["activity_name"]) == (0, 99, "Unmapped event")


def _without(event: dict[str, Any], *path: str) -> dict[str, Any]:
    changed = copy.deepcopy(event)
    place = changed
    for name in path[:-1]:
        place = place[name]
    del place[path[-1]]
    return changed


@pytest.mark.parametrize(
    "path",
    [("actor",), ("api",), ("cloud",), ("src_endpoint",), ("metadata", "product"), ("api", "operation"), ("time",)],
)
def test_the_check_misses_nothing_that_the_schema_requires(path: tuple[str, ...]) -> None:
    event = _event(entry(Action.INFERENCE_REQUESTED.value))

    assert problems(_without(event, *path))


@pytest.mark.parametrize(
    "members",
    [
        {"severity_id": 42},
        {"severity": "High"},
        {"time": "2026-11-21T10:28:57Z"},
        {"time_dt": "yesterday"},
        {"type_uid": 600_302},
        {"category_uid": 3},
        {"colour": "red"},
        {"osint": []},
        {"resources": {}},
        {"actor": {"app_name": 3}},
        {"src_endpoint": {}},
        {"class_uid": 6003.5},
        {"status_id": True},
    ],
)
def test_the_check_refuses_what_the_schema_does_not_describe(members: dict[str, Any]) -> None:
    event = _event(entry(Action.INFERENCE_REQUESTED.value))
    assert problems(event) == []

    assert problems(event | members)


def test_the_part_of_the_schema_that_is_kept_here_agrees_with_the_whole() -> None:
    whole = os.environ.get("OCSF_SCHEMA")
    if not whole:
        pytest.skip("OCSF_SCHEMA names no compiled schema of OCSF 1.8.0")

    assert json.loads(SCHEMA.read_text()) == extract(Path(whole))
