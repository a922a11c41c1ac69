"""Answers in OpenAI's shapes, through a real server, with the records that belong to them."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import httpx
import openai

from tests.factories import Organization
from tests.inference.gateway.log import Log
from tests.inference.gateway.scripted import CHAT, EMBEDDING
from tests.inference.gateway.serving import Served


def chat(text: str, **more: Any) -> dict[str, Any]:
    return {"model": CHAT, "messages": [{"role": "user", "content": text}], **more}


def events(response: httpx.Response) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


def test_chat_is_answered_and_recorded(client: httpx.Client, log: Log, organization: Organization) -> None:
    response = client.post("/v1/chat/completions", json=chat("Hello there"))
    assert response.status_code == 200
    body = response.json()
    assert body["object"] == "chat.completion"
    message = body["choices"][0]["message"]
    assert (message["role"], message["content"]) == ("assistant", "Hello there")
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"] == {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    request_id = response.headers["x-request-id"]
    intent, outcome, record = log.intent(request_id), log.outcome(request_id), log.record(request_id)
    assert intent is not None and outcome is not None and record is not None
    assert intent["action"] == "inference.requested"
    assert intent["after"]["model"] == CHAT
    assert intent["workspace"] == organization.workspace_id
    assert outcome["after"]["status"] == "completed"
    assert (record["status"], record["prompt_tokens"], record["completion_tokens"]) == ("completed", 7, 5)


def test_several_choices_and_logprobs(client: httpx.Client) -> None:
    body = client.post("/v1/chat/completions", json=chat("ab", n=2, logprobs=True, top_logprobs=2)).json()
    assert [choice["index"] for choice in body["choices"]] == [0, 1]
    token = body["choices"][0]["logprobs"]["content"][0]
    assert (token["token"], token["logprob"], token["bytes"]) == ("a", -0.5, [97])
    assert token["top_logprobs"][1]["logprob"] == -9999.0


def test_chat_streams_events(client: httpx.Client, log: Log) -> None:
    request = chat("Hello there", stream=True, stream_options={"include_usage": True})
    response = client.post("/v1/chat/completions", json=request)
    assert response.headers["content-type"].startswith("text/event-stream")
    chunks = events(response)
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks[:-1]) == "Hello there"
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    assert all(chunk["usage"] is None for chunk in chunks[:-1])
    assert log.outcome(response.headers["x-request-id"]) is not None


def test_a_stream_without_usage_says_nothing_of_it(client: httpx.Client) -> None:
    chunks = events(client.post("/v1/chat/completions", json=chat("Hi", stream=True)))
    assert all("usage" not in chunk for chunk in chunks)


def test_personal_data_reaches_neither_engine_nor_log(client: httpx.Client, served: Served, log: Log) -> None:
    text = "Write to anna.schmidt@example.com today"
    response = client.post("/v1/chat/completions", json=chat(text, user="anna.schmidt@example.com"))
    assert response.json()["choices"][0]["message"]["content"] == text
    assert response.headers["x-bailiwick-redactions"] == "EMAIL=1"
    assert response.headers["x-bailiwick-redaction-layers"] == "patterns,cues,ner=none"
    assert "anna" not in served.engine.last.messages[-1].content
    request_id = response.headers["x-request-id"]
    record = log.record(request_id)
    assert record is not None
    assert record["redactions"] == {"EMAIL": 1}
    assert len(record["subject"]) == 16
    assert "anna" not in json.dumps([log.intent(request_id), log.outcome(request_id)])


def test_streams_are_restored_across_pieces(client: httpx.Client, served: Served) -> None:
    text = "Write to anna.schmidt@example.com or bob@example.org."
    chunks = events(client.post("/v1/chat/completions", json=chat(text, stream=True)))
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks) == text
    assert "anna" not in served.engine.last.messages[-1].content


def test_everything_a_caller_writes_is_redacted(client: httpx.Client, served: Served) -> None:
    mail = "anna@example.com"
    messages = [
        {"role": "developer", "content": [{"type": "text", "text": mail}]},
        {"role": "user", "name": mail, "content": mail},
    ]
    client.post("/v1/chat/completions", json={"model": CHAT, "messages": messages, "stop": [mail]})
    seen = served.engine.last
    assert seen.messages[0].role == "system"
    assert mail not in str(seen)
    assert seen.sampling.stop == [seen.messages[1].content]


def test_completions_take_many_prompts(client: httpx.Client) -> None:
    request = {"model": CHAT, "prompt": ["one", "two"], "n": 2, "logprobs": 1}
    body = client.post("/v1/completions", json=request).json()
    assert body["object"] == "text_completion"
    assert [(c["index"], c["text"]) for c in body["choices"]] == [(0, "one"), (1, "one"), (2, "two"), (3, "two")]
    assert body["choices"][0]["logprobs"]["tokens"] == ["a", "b"]
    assert body["choices"][0]["logprobs"]["text_offset"] == [0, 1]
    assert body["usage"]["completion_tokens"] == 20


def test_completions_stream_many_prompts(client: httpx.Client) -> None:
    request = {"model": CHAT, "prompt": ["one and", "two and"], "stream": True}
    chunks = events(client.post("/v1/completions", json=request))
    texts: dict[int, str] = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            texts[choice["index"]] = texts.get(choice["index"], "") + choice["text"]
    assert texts == {0: "one and", 1: "two and"}
    assert {c["choices"][0]["finish_reason"] for c in chunks} == {None, "stop"}


def test_embeddings_in_both_encodings(client: httpx.Client, log: Log) -> None:
    request = {"model": EMBEDDING, "input": ["a", "b"], "dimensions": 3}
    response = client.post("/v1/embeddings", json=request)
    body = response.json()
    assert [item["embedding"] for item in body["data"]] == [[0.0, 0.125, 0.25], [0.375, 0.5, 0.625]]
    assert body["usage"] == {"prompt_tokens": 6, "total_tokens": 6}
    encoded = client.post("/v1/embeddings", json=request | {"encoding_format": "base64"}).json()
    raw = base64.b64decode(encoded["data"][1]["embedding"])
    assert struct.unpack("<3f", raw) == (0.375, 0.5, 0.625)
    record = log.record(response.headers["x-request-id"])
    assert record is not None and record["kind"] == "embedding"


def test_models_are_listed(client: httpx.Client) -> None:
    assert {model["id"] for model in client.get("/v1/models").json()["data"]} == {CHAT, EMBEDDING}
    assert client.get(f"/v1/models/{CHAT}").json()["object"] == "model"
    assert client.get("/v1/models/none").status_code == 404


def test_the_openai_sdk_works_unchanged(served: Served, organization: Organization) -> None:
    sdk = openai.OpenAI(base_url=f"{served.url}/v1", api_key=organization.api_key, max_retries=0)
    answer = sdk.chat.completions.create(model=CHAT, messages=[{"role": "user", "content": "Hello"}])
    assert answer.choices[0].message.content == "Hello"
    stream = sdk.chat.completions.create(model=CHAT, messages=[{"role": "user", "content": "Hello"}], stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "Hello"
    assert sdk.completions.create(model=CHAT, prompt="Hello").choices[0].text == "Hello"
    assert sdk.embeddings.create(model=EMBEDDING, input="a").data[0].embedding == [0.0, 0.125, 0.25, 0.375]
    assert {model.id for model in sdk.models.list()} == {CHAT, EMBEDDING}
