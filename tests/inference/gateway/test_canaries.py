"""Personal data of every type in every field of `/v1`: the engine's socket, the payload vault, the records and the errors hold
none of it, and the caller gets his own words back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from django.db import connections

from inference.redaction import TYPES as ALL_TYPES
from inference.redaction.finding import IRREVERSIBLE
from retention.payloads import payload_open
from retention.policies import retention_policy, retention_policy_set
from tests.canaries import CHAT as CHAT_PATH
from tests.canaries import HEADERS, PLACES, SCHEMAS, TYPES, Canary, Fate, body, canary, forms, places_of
from tests.factories import Organization, make_organization
from tests.inference.gateway.log import Log
from tests.inference.gateway.scripted import CHAT, EMBEDDING
from tests.inference.gateway.serving import Served
from workspaces.services import serving_update

EACH = 4
"""Types that go through each place; all of them go through every five places."""
ALL_PLACES = [
    (path, place, [TYPES[(EACH * number + turn) % len(TYPES)] for turn in range(EACH)])
    for number, (path, place) in enumerate((path, place) for path, places in PLACES.items() for place in places)
]


@pytest.fixture(scope="module")
def storing(django_db_setup: None, django_db_blocker: Any) -> Iterator[Organization]:
    """An organization whose payloads are stored, and who may ask often."""
    with django_db_blocker.unblock():
        organization = make_organization()
        retention_policy_set(
            actor=organization.owner,
            workspace=organization.workspace,
            store_payloads=True,
            payload_days=14,
            reason="",
            expected_version=retention_policy(organization.workspace).version,
        )
        limits = {"requests_per_minute": 100_000, "tokens_per_minute": 50_000_000}
        serving_update(actor=organization.owner, workspace=organization.workspace, changes=limits)
        yield organization
        connections.close_all()


@pytest.fixture
def caller(served: Served, storing: Organization) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {storing.api_key}"}
    with httpx.Client(base_url=served.url, headers=headers, timeout=20) as client:
        yield client


def test_every_field_that_takes_a_text_has_a_canary() -> None:
    assert set(TYPES) == set(ALL_TYPES)
    for path in SCHEMAS:
        assert places_of(path) - set(PLACES[path]) == set()
        # A line for a field that is gone would prove nothing.
        assert {place for place in PLACES[path] if " " not in place and place != "(unknown)"} <= places_of(path)


@pytest.mark.parametrize(("path", "place", "kinds"), ALL_PLACES)
def test_no_place_lets_personal_data_through(
    caller: httpx.Client,
    served: Served,
    storing: Organization,
    log: Log,
    django_db_blocker: Any,
    path: str,
    place: str,
    kinds: list[str],
) -> None:
    fate, fields = PLACES[path][place].fate, PLACES[path][place].fields
    begin = len(served.engine.received)
    sent: list[tuple[Canary, httpx.Response]] = []
    for kind in kinds:
        one = canary(kind)
        sent.append((one, caller.post(path, json=body(path, CHAT, EMBEDDING, fields(one.text)))))
    engine = bytes(served.engine.received[begin:])

    for one, answer in sent:
        assert answer.status_code == 200 if fate is not Fate.REFUSED else answer.status_code in (400, 404), answer.text
        assert not_in(one, engine)
        assert fate is not Fate.SENT or f"[[{one.type}_1]]".encode() in engine
        if fate is Fate.REFUSED:
            assert not_in(one, answer.content)
            continue
        kept = log.body(request_id(answer)) + log.body(request_id(answer), outcome=True)
        kept += str(log.record(request_id(answer))).encode()
        if path == CHAT_PATH:
            with django_db_blocker.unblock():
                stored = payload_open(storing.workspace, UUID(hex=request_id(answer).rsplit("_", 1)[1]))
            assert stored is not None
            kept += stored.prompt + stored.answer
        assert not_in(one, kept)


def test_headers_and_queries_go_nowhere(caller: httpx.Client, served: Served, log: Log) -> None:
    begin = len(served.engine.received)
    for kind in TYPES[::EACH]:
        one = canary(kind)
        value = one.text.encode()
        for name in HEADERS:
            answer = caller.post(CHAT_PATH, json=body(CHAT_PATH, CHAT, EMBEDDING, {}), headers={name: value})
            assert answer.status_code == 200
            assert not_in(one, served.engine.received[begin:])
            assert not_in(one, log.body(request_id(answer)) + log.body(request_id(answer), outcome=True))
            assert not_in(one, str(answer.headers).encode())
        for name in ("x-bailiwick-lane", "x-bailiwick-deadline-ms", "authorization"):
            answer = caller.post(CHAT_PATH, json=body(CHAT_PATH, CHAT, EMBEDDING, {}), headers={name: value})
            assert answer.status_code in (400, 401)
            assert not_in(one, answer.content + str(answer.headers).encode())
        for query in ({"user": one.text}, {one.text: "1"}):
            answer = caller.post(CHAT_PATH, json=body(CHAT_PATH, CHAT, EMBEDDING, {}), params=query)
            assert answer.status_code == 200
        for unknown in (f"/v1/{one.text}", f"/v1/models/{one.text}"):
            assert not_in(one, caller.get(unknown).content)


def not_in(one: Canary, sink: bytes | bytearray) -> bool:
    return not any(form.encode() in sink for form in forms(one))


def request_id(answer: httpx.Response) -> str:
    return answer.headers["x-request-id"]


# Back to the caller --------------------------------------------------------------------------------------------------


def seen(one: Canary) -> str:
    """The text as its caller gets it back."""
    return one.text.replace(one.value, f"[[{one.type}_1]]") if one.type in IRREVERSIBLE else one.text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", TYPES)
def test_the_caller_gets_the_originals_back(caller: httpx.Client, served: Served, kind: str, stream: bool) -> None:
    one = canary(kind)
    thought = f"<think>The caller says: {one.text}</think>\nYou said: {one.text}"
    called = f'<tool_call>\n{{"name": "f", "arguments": {json.dumps({"to": one.text})}}}\n</tool_call>'
    tools = [{"type": "function", "function": {"name": "f"}}]

    said, _ = answered(ask(caller, thought, stream=stream), stream=stream)
    before, arguments = answered(ask(caller, f"{one.text} {called}", tools=tools, stream=stream), stream=stream)
    document, _ = answered(
        ask(caller, json.dumps({"to": one.text}), response_format={"type": "json_object"}, stream=stream), stream=stream
    )

    assert said == thought.replace(one.text, seen(one))
    assert not_in(one, served.engine.received)
    assert before.strip() == seen(one)
    assert json.loads(arguments) == {"to": seen(one)} == json.loads(document)


@pytest.mark.parametrize("kind", TYPES)
def test_completions_give_the_originals_back(caller: httpx.Client, served: Served, kind: str) -> None:
    one = canary(kind)

    whole = caller.post("/v1/completions", json={"model": CHAT, "prompt": one.text, "max_tokens": 4})
    streamed = caller.post("/v1/completions", json={"model": CHAT, "prompt": one.text, "max_tokens": 4, "stream": True})

    assert whole.json()["choices"][0]["text"] == seen(one)
    assert "".join(choice["text"] for choice in chunks(streamed)) == seen(one)
    assert not_in(one, served.engine.received)


def ask(client: httpx.Client, text: str, **more: Any) -> httpx.Response:
    return client.post(CHAT_PATH, json={"model": CHAT, "messages": [{"role": "user", "content": text}], **more})


def chunks(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in answer.text.splitlines():
        if line.startswith("data: {"):
            yield from json.loads(line[6:])["choices"]


def answered(answer: httpx.Response, *, stream: bool) -> tuple[str, str]:
    """The text and the arguments of the one call that there may be."""
    assert answer.status_code == 200, answer.text
    messages = [choice["delta"] for choice in chunks(answer)] if stream else [answer.json()["choices"][0]["message"]]
    text = "".join(message.get("content") or "" for message in messages)
    calls = [call["function"]["arguments"] for message in messages for call in message.get("tool_calls", ())]
    return text, "".join(calls)
