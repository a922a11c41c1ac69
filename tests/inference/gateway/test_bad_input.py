"""What no well-behaved client sends: bytes that are no text, halves of characters, documents without end, and floods."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest
from django.test import Client

from cell.pseudonyms import LONGEST_SUBJECT
from inference.gateway.documents import MAX_DEPTH
from tests.factories import Organization, make_organization
from tests.inference.gateway.scripted import CHAT
from tests.inference.gateway.serving import Served
from tests.inference.gateway.test_redaction_in_force import chat, said

ADDRESS = "anna@example.org"


@pytest.mark.parametrize(
    "broken",
    [
        b'"\xff"',
        b'"\xc3"',
        b'"\xed\xa0\x80"',
        b'"\xf4\x90\x80\x80"',
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\\u12"',
        b'"\x00"',
    ],
)
def test_what_is_no_text_is_refused_and_not_repeated(client: httpx.Client, served: Served, broken: bytes) -> None:
    before = len(served.engine.received)
    content = f'"{ADDRESS} '.encode() + broken[1:]
    for body in (
        b'{"model": "scripted", "messages": [{"role": "user", "content": %b}]}' % content,
        b'{"model": "scripted", "messages": [{"role": "user", "content": "Hi"}], "metadata": {%b: 1}}' % content,
    ):
        answer = client.post("/v1/chat/completions", content=body)
        # A field that nobody reads may hold anything.
        assert answer.status_code == 400 or (b"metadata" in body and answer.status_code == 200)
        assert ADDRESS not in answer.text
    assert ADDRESS.encode() not in served.engine.received[before:]


@pytest.mark.parametrize("stream", [False, True])
def test_halves_of_characters_in_documents_do_no_harm(client: httpx.Client, served: Served, stream: bool) -> None:
    # JSON within JSON: the body is in order, the document in it is not.
    result = f'{{"a\\ud800": "\\udfff {ADDRESS} \\ud83d\\ude00"}}'
    messages = [{"role": "user", "content": "Hi"}, {"role": "tool", "tool_call_id": "c", "content": result}]

    answer = chat(client, "", messages=messages, stream=stream)

    text = said(answer) if stream else answer.json()["choices"][0]["message"]["content"]
    assert json.loads(served.engine.last.messages[-1].content) == {"a\ufffd": "\ufffd [[EMAIL_1]] \U0001f600"}
    assert json.loads(text) == {"a\ufffd": f"\ufffd {ADDRESS} \U0001f600"}


@pytest.mark.parametrize("field", ["user", "safety_identifier"])
@pytest.mark.parametrize("subject", [f"{ADDRESS}{'a' * LONGEST_SUBJECT}", f"{ADDRESS}\0"])
def test_nobody_is_named_whom_no_erasure_could_name(client: httpx.Client, field: str, subject: str) -> None:
    refused, longest = chat(client, "Hi", **{field: subject}), chat(client, "Hi", **{field: "é" * LONGEST_SUBJECT})

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, field)
    assert ADDRESS not in refused.text
    assert longest.status_code == 200


def test_ten_megabytes_of_one_letter_are_refused_at_once(client: httpx.Client) -> None:
    began = time.monotonic()
    whole, long = chat(client, "a" * 10_000_000), chat(client, "a" * 3_000_000)
    bearable = chat(client, "a" * 900_000)

    assert (whole.status_code, whole.json()["error"]["code"]) == (413, "request_too_large")
    assert (long.status_code, long.json()["error"]["code"]) == (400, "text_too_long")
    assert bearable.status_code == 200
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 900, 100_000])
def test_nested_documents_are_redacted_at_every_depth(client: httpx.Client, served: Served, depth: int) -> None:
    result = "[" * depth + json.dumps({"mail": ADDRESS}).replace("@", "\\u0040") + "]" * depth
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": result}}
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": result},
    ]
    before = len(served.engine.received)

    answer = chat(client, "", messages=messages)

    assert answer.status_code == 200
    assert served.engine.last.messages[2].content == served.engine.last.messages[1].tool_calls[0].arguments
    assert "[[EMAIL_1]]" in served.engine.last.messages[2].content
    assert b"anna" not in served.engine.received[before:]


@pytest.mark.parametrize("field", ["metadata", "tools", "response_format", "messages"])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 900, 100_000])
def test_nested_bodies_are_refused_or_ignored(client: httpx.Client, served: Served, field: str, depth: int) -> None:
    nest = '{"a":' * depth + f'"{ADDRESS}"' + "}" * depth
    schema = f'{{"type": "object", "default": {nest}}}'
    written = {
        "metadata": nest,
        "messages": nest,
        "tools": f'[{{"type": "function", "function": {{"name": "f", "parameters": {schema}}}}}]',
        "response_format": f'{{"type": "json_schema", "json_schema": {{"name": "f", "schema": {schema}}}}}',
    }
    messages = "" if field == "messages" else '"messages": [{"role": "user", "content": "Hi"}], '
    before = len(served.engine.received)

    answer = client.post(
        "/v1/chat/completions", content=f'{{"model": "{CHAT}", {messages}"{field}": {written[field]}}}'
    )

    assert answer.status_code == 400 or (field == "metadata" and answer.status_code == 200)
    assert ADDRESS not in answer.text
    assert ADDRESS.encode() not in served.engine.received[before:]


@pytest.mark.parametrize("stream", [False, True])
def test_a_text_full_of_placeholders_gets_its_own(client: httpx.Client, served: Served, stream: bool) -> None:
    text = f"{ADDRESS} " + " ".join(f"[[EMAIL_{number}]] [[email {number}]]" for number in range(1, 400))

    answer = chat(client, text, stream=stream)

    passed_on = served.engine.last.messages[-1].content
    assert passed_on.partition(" ")[0].startswith("[[EMAIL_1_") and ADDRESS not in passed_on
    assert (said(answer) if stream else answer.json()["choices"][0]["message"]["content"]) == text


@pytest.mark.parametrize("stream", [False, True])
def test_a_placeholder_that_the_end_cuts_is_not_guessed(client: httpx.Client, served: Served, stream: bool) -> None:
    # As a length limit or a stop sequence leaves it: the request's own placeholder, cut off in the middle.
    asked = {"stop": ["x"], "response_format": {"type": "text"}, "stream": stream}
    system = {"role": "system", "content": " ".join(f"user{number}@example.org" for number in range(1, 13))}
    told = {"role": "user", "content": "Write to [ [EMAIL_1"}

    answer = chat(client, "", messages=[system, told], **asked)

    text = said(answer) if stream else answer.json()["choices"][0]["message"]["content"]
    assert text == told["content"]


# The management API --------------------------------------------------------------------------------------------------


@pytest.fixture
def fresh(db: None) -> Organization:
    return make_organization()


def managed(organization: Organization, method: str, path: str, body: str | bytes) -> Any:
    headers = {"Authorization": f"Bearer {organization.admin_key}", "If-Match": "*"}
    url = f"/api/workspaces/{organization.workspace_id}/{path}"
    return Client(raise_request_exception=False).generic(method, url, body, "application/json", headers=headers)


@pytest.mark.parametrize("odd", ["\\ud800", "\\udfff\\ud800", "\\u0000"])
@pytest.mark.parametrize(
    "policy",
    [
        '{"custom": [{"id": "a", "label": "A", "words": ["Aurora {}"]}]}',
        '{"custom": [{"id": "a", "label": "A", "pattern": "Aurora {}"}]}',
        '{"custom": [{"id": "a", "label": "A", "words": ["Aurora"], "context": ["Projekt {}"]}]}',
        '{"deny": {"values": ["Aurora {}"]}}',
        '{"allow": {"values": ["Aurora {}"]}}',
        '{"{}": 1}',
    ],
)
def test_no_policy_holds_what_a_database_cannot(fresh: Organization, policy: str, odd: str) -> None:
    answer = managed(fresh, "PUT", "redaction-policy", policy.replace("{}", odd))

    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("odd", ["\\ud800", "\\udfff\\ud800", "\\u0000", "[" * 2000, "a" * 10_000])
def test_a_dry_run_takes_any_text(fresh: Organization, odd: str) -> None:
    answer = managed(fresh, "POST", "redactions", f'{{"text": "{odd} {ADDRESS}"}}')

    assert answer.status_code in (200, 400), answer.content
    assert ADDRESS not in answer.content.decode()
    assert answer.status_code == 400 or [one["type"] for one in answer.json()["findings"]] == ["EMAIL"]


@pytest.mark.parametrize("path", ["redactions", "redaction-policy"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(body, id=name)
        for name, body in {
            "open": b"{",
            "bytes": b'{"text": "\xff"}',
            "arrays": b"[" * 100_000,
            "objects": b'{"a":' * 100_000,
            "null": b"null",
            "text": b'"x"',
        }.items()
    ],
)
def test_what_is_no_document_is_400(fresh: Organization, path: str, body: bytes) -> None:
    method = "PUT" if path == "redaction-policy" else "POST"

    assert managed(fresh, method, path, body).status_code == 400
