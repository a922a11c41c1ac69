"""Decided policies at work: in the gateway of this process, and in two web processes as production has them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from inference.gateway import redactors
from inference.gateway.calls import Argued, Said
from inference.gateway.redaction_policies import redaction_policy_get, redaction_policy_set
from inference.gateway.replies import Reply
from inference.redaction import Policy, Redactor
from inference.redaction.scan import BUILT_IN_SCANNER
from inference.redaction.trigger import MatcherError
from tests.factories import Organization, make_key, make_organization, make_workspace
from tests.inference.gateway.log import Log
from tests.inference.gateway.scripted import CHAT, EMBEDDING, listening
from tests.inference.gateway.serving import Served
from tests.inference.gateway.test_shares import Redis
from tests.inference.gateway.test_two_processes import _web, redis  # noqa: F401  # a fixture

IBAN = "DE89 3704 0044 0532 0130 00"
Decide = Callable[..., None]


@pytest.fixture
def decide(organization: Organization, django_db_blocker: Any) -> Iterator[Decide]:
    """Decides for the organization's workspace, and takes it back at the end."""

    def decided(**document: Any) -> None:
        with django_db_blocker.unblock():
            current = redaction_policy_get(organization.workspace)
            redaction_policy_set(
                actor=organization.owner,
                workspace=organization.workspace,
                document=document,
                expected_version=current.version,
            )

    yield decided
    decided()


def chat(client: httpx.Client, text: str, **more: Any) -> httpx.Response:
    messages = [{"role": "user", "content": text}]
    return client.post("/v1/chat/completions", json={"model": CHAT, "messages": messages, "max_tokens": 4, **more})


def until(client: httpx.Client, text: str, done: Callable[[httpx.Response], bool]) -> httpx.Response:
    """Asks until it is `done`, which takes a second at most."""
    deadline = time.monotonic() + 1
    while True:
        asked = time.monotonic()
        answer = chat(client, text)
        if done(answer) or asked > deadline:
            return answer


def test_a_decision_is_in_force_within_a_second(client: httpx.Client, served: Served, decide: Decide) -> None:
    assert chat(client, IBAN).status_code == 200

    decide(entities={"IBAN": {"action": "block"}}, custom=[{"id": "a", "label": "PROJECT", "words": ["Aurora"]}])
    refused = until(client, IBAN, lambda answer: answer.status_code == 400)
    answer = chat(client, "Tell anna@example.org of AURORA")

    assert refused.json()["error"]["code"] == "redaction_blocked"
    assert "3704" not in refused.text
    assert served.engine.last.messages[-1].content == "Tell [[EMAIL_1]] of [[PROJECT_1]]"
    assert answer.json()["choices"][0]["message"]["content"] == "Tell anna@example.org of AURORA"
    assert answer.headers["x-bailiwick-redactions"] == "EMAIL=1,PROJECT=1"


def test_labels_are_in_no_record(client: httpx.Client, decide: Decide, log: Log) -> None:
    decide(custom=[{"id": "a", "label": "ANNAS_PROJECT", "words": ["Aurora"]}], deny={"values": ["anna"]})

    answer = until(client, "Aurora", lambda answer: "ANNAS" in answer.headers.get("x-bailiwick-redactions", ""))
    chat(client, "anna of Aurora")
    request_id = answer.headers["x-request-id"]

    intent, record = log.intent(request_id), log.record(request_id)
    assert intent is not None and record is not None
    assert intent["after"]["redactions"] == {"CUSTOM": 1} == record["redactions"]
    assert intent["after"]["policy"] > 1
    assert "unredacted" not in intent["after"]
    assert b"ANNAS" not in log.body(request_id) + log.body(request_id, outcome=True)


def test_hashes_are_stable_in_a_workspace_and_differ_between_them(
    client: httpx.Client, served: Served, organization: Organization, decide: Decide, django_db_blocker: Any
) -> None:
    document = {"entities": {"IBAN": {"action": "hash"}}, "evidence": {"hash": "hmac"}}
    decide(**document)
    with django_db_blocker.unblock():
        sibling = make_workspace(organization)
        token = make_key(organization, sibling).token
        redaction_policy_set(actor=organization.owner, workspace=sibling, document=document, expected_version=1)

    until(client, IBAN, lambda answer: "x-bailiwick-redaction-hashes" in answer.headers)
    first = served.engine.last.messages[-1].content
    again = chat(client, f"Once more: {IBAN.replace(' ', '')}")
    second = served.engine.last.messages[-1].content
    with httpx.Client(base_url=served.url, headers={"Authorization": f"Bearer {token}"}, timeout=20) as other:
        elsewhere = chat(other, IBAN)
    third = served.engine.last.messages[-1].content

    assert first.startswith("[[IBAN_H") and second == f"Once more: {first}" and third != first
    assert again.json()["choices"][0]["message"]["content"] == second
    hashes = [answer.headers["x-bailiwick-redaction-hashes"] for answer in (again, elsewhere)]
    assert hashes[0].startswith("IBAN:") and hashes[0] != hashes[1]


def test_parts_of_a_request_can_be_left_out(client: httpx.Client, served: Served, decide: Decide) -> None:
    decide(routes={"system": False, "tools": False}, placeholder={"format": "plain"})
    until(client, IBAN, lambda _: served.engine.last.messages[-1].content == "[[DATA_1]]")
    tool = {"type": "function", "function": {"name": "send", "description": "to joe@example.org"}}
    messages = [
        {"role": "system", "content": "You work for anna@example.org."},
        {"role": "user", "content": "I am bob@example.org"},
        {"role": "tool", "tool_call_id": "call_1", "content": "tom@example.org"},
        {"role": "user", "content": "Who am I?"},
    ]

    chat(client, "", messages=messages, tools=[tool])

    asked = served.engine.last
    assert [message.content for message in asked.messages] == [
        "You work for anna@example.org.",
        "I am [[DATA_1]]",
        "[[DATA_2]]",
        "Who am I?",
    ]
    assert asked.tools[0].description == "to joe@example.org"


def test_what_fails_goes_on_only_where_the_policy_says_so(
    client: httpx.Client, served: Served, decide: Decide, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(data: bytes) -> list[tuple[int, int, int]]:
        raise MatcherError("broken")

    decide(on_error="allow", custom=[{"id": "a", "label": "PROJECT", "words": ["Aurora"]}])
    until(client, "Aurora", lambda answer: "x-bailiwick-redactions" in answer.headers)
    monkeypatch.setattr(BUILT_IN_SCANNER._whole, "hits", failing)
    open_answer = chat(client, "anna@example.org")
    passed_on = served.engine.last.messages[-1].content
    decide()
    closed = until(client, "anna@example.org", lambda answer: answer.status_code == 500)

    request_id = open_answer.headers["x-request-id"]
    intent = log.intent(request_id)
    assert intent is not None
    assert (open_answer.status_code, passed_on) == (200, "anna@example.org")
    assert open_answer.headers["x-bailiwick-unredacted"] == "true"
    assert intent["after"]["unredacted"] is True
    assert closed.json()["error"]["code"] == "redaction_failed"


def test_a_policy_that_cannot_be_read_stops_requests(
    served: Served, django_db_blocker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with django_db_blocker.unblock():
        fresh = make_organization()
        redaction_policy_set(
            actor=fresh.owner, workspace=fresh.workspace, document={"default_action": "mask"}, expected_version=1
        )
    monkeypatch.setattr(redactors, "_QUERY", "select null::bytea, %s::uuid, %s::int")

    headers = {"Authorization": f"Bearer {fresh.api_key}"}
    with httpx.Client(base_url=served.url, headers=headers, timeout=20) as client:
        refused = chat(client, "Hello")
        monkeypatch.undo()
        answered = chat(client, "anna@example.org")

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "redaction_unavailable")
    assert int(refused.headers["retry-after"]) >= 1
    assert answered.json()["choices"][0]["message"]["content"] == "[[EMAIL_1]]"


def test_redactors_are_kept_within_their_memory(
    client: httpx.Client, served: Served, decide: Decide, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = served.application._running
    assert running is not None
    kept = running.redactors
    monkeypatch.setattr(redactors, "MEMORY_BYTES", redactors.EACH_BYTES)

    for word in ("Aurora", "Borealis"):
        decide(custom=[{"id": "a", "label": "PROJECT", "words": [word]}])
        until(client, word, lambda answer: "x-bailiwick-redactions" in answer.headers)

    assert len(kept._kept) == 1
    assert kept._bytes == sum(one.size + redactors.EACH_BYTES for one in kept._kept.values())


@pytest.mark.timeout(180)
def test_a_decision_reaches_every_process_within_a_second(
    organization: Organization,
    django_db_blocker: Any,
    redis: Redis,  # noqa: F811  # the fixture
) -> None:
    with django_db_blocker.unblock():
        workspace = make_workspace(organization)
        token = make_key(organization, workspace).token
    path = redis.socket.with_name("engine.sock")
    headers = {"Authorization": f"Bearer {token}"}
    with listening(path) as engine, _web(redis, path) as (one, _), _web(redis, path) as (two, _):
        clients = [httpx.Client(base_url=url, headers=headers, timeout=20) for url in (one, two)]
        for client in clients:
            assert client.post("/v1/embeddings", json={"model": EMBEDDING, "input": "Aurora"}).status_code == 200
            assert engine.last.inputs == ["Aurora"]
        with django_db_blocker.unblock():
            redaction_policy_set(
                actor=organization.owner,
                workspace=workspace,
                document={"custom": [{"id": "a", "label": "PROJECT", "words": ["Aurora"], "action": "mask"}]},
                expected_version=1,
            )
        decided = time.monotonic()
        for client in clients:
            while True:
                asked = time.monotonic()
                client.post("/v1/embeddings", json={"model": EMBEDDING, "input": "Aurora"})
                if engine.last.inputs == ["[[PROJECT_1]]"]:
                    break
                assert asked - decided < 1
            client.close()


# What the model writes -----------------------------------------------------------------------------------------------

WRITES = "The model says bob@example.org to you"


@pytest.mark.parametrize("stream", [False, True])
def test_what_the_model_writes_is_masked_and_counted(
    client: httpx.Client, served: Served, decide: Decide, log: Log, stream: bool
) -> None:
    # The scripted engine repeats its last message: what is left out comes to it as it is, and so back from it as its own.
    decide(entities={"EMAIL": {"action": "mask"}}, output_scan="mask", routes={"tool_results": False})
    until(client, IBAN, lambda _: served.engine.last.messages[-1].content == "[[IBAN_1]]")
    messages = [
        {"role": "user", "content": IBAN},
        {"role": "tool", "tool_call_id": "call_1", "content": f"{WRITES}: [[IBAN_1]]"},
    ]

    answer = chat(client, "", messages=messages, stream=stream)

    text = said(answer) if stream else answer.json()["choices"][0]["message"]["content"]
    assert served.engine.last.messages[-1].content == f"{WRITES}: [[IBAN_1]]"
    assert text.startswith("The model says [[EMAIL]] to you")
    outcome = log.outcome(answer.headers["x-request-id"], within_s=2)
    assert outcome is not None
    assert outcome["after"]["found_in_output"] == {"EMAIL": 1}
    refused = chat(client, "Hello", logprobs=True)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "logprobs")


def said(answer: httpx.Response) -> str:
    chunks = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])


@pytest.mark.parametrize("stream", [False, True])
def test_what_the_model_writes_can_only_be_counted(
    client: httpx.Client, served: Served, decide: Decide, log: Log, stream: bool
) -> None:
    decide(output_scan="flag", entities={"EMAIL": {"action": "flag"}, "IBAN": {"action": "mask"}})
    until(client, f"bob@example.org {IBAN}", lambda _: "bob" in served.engine.last.messages[-1].content)

    answer = chat(client, WRITES, stream=stream)

    text = said(answer) if stream else answer.json()["choices"][0]["message"]["content"]
    outcome = log.outcome(answer.headers["x-request-id"], within_s=2)
    assert outcome is not None
    assert (text, outcome["after"]["found_in_output"]) == (WRITES, {"EMAIL": 1})


def test_arguments_of_calls_are_looked_through() -> None:
    made = Redactor(Policy.from_json({"version": 2, "output_scan": "mask"}))
    _, placeholders = made.redact("anna@example.org")
    reply = Reply(placeholders, calls=True, in_json=False, output=made.output())
    call = '<tool_call>\n{"name": "f", "arguments": {"to": "[[EMAIL_1]]", "cc": "bob@example.org"}}\n</tool_call>'

    pieces = [piece for character in f"For tom@example.org: {call}" for piece in reply.feed(character)] + reply.finish()

    assert "".join(piece.text for piece in pieces if isinstance(piece, Said)) == "For [[EMAIL]]: "
    arguments = "".join(piece.text for piece in pieces if isinstance(piece, Argued))
    assert json.loads(arguments) == {"to": "anna@example.org", "cc": "[[EMAIL]]"}
