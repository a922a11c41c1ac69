"""What a collector is told of a request, and what it is not."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.http_attributes import HTTP_RESPONSE_STATUS_CODE

from cell.config import config
from inference.gateway.spans import parent_of
from tests.collector import Collector, collecting, values
from tests.factories import Organization
from tests.inference.gateway.scripted import CHAT, EMBEDDING, GENERATED
from tests.inference.gateway.serving import Served, serving

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
LOCAL = {"bailiwick.lane"}


@contextmanager
def exporting(endpoint: str, ratio: str = "1") -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAILIWICK_OTLP_ENDPOINT", endpoint)
        patch.setenv("BAILIWICK_OTLP_REGION", "eu-de-1")
        patch.setenv("BAILIWICK_TRACE_RATIO", ratio)
        config.cache_clear()
        try:
            with serving() as running:
                yield running
        finally:
            config.cache_clear()


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(scope="module")
def served(organization: Organization, collector: Collector) -> Iterator[Served]:
    """As `conftest.served`, with a collector."""
    with exporting(collector.endpoint) as running:
        yield running


def chat(text: str, **more: Any) -> dict[str, Any]:
    return {"model": CHAT, "messages": [{"role": "user", "content": text}], **more}


def test_a_chat_is_a_span_with_the_engines_parts(client: httpx.Client, collector: Collector) -> None:
    asked = {"max_tokens": 50, "temperature": 0.123456, "top_p": 0.9, "top_k": 40, "n": 2, "presence_penalty": -0.5}
    response = client.post(
        "/v1/chat/completions", json=chat("Hello", **asked), headers={"x-bailiwick-lane": "realtime"}
    )
    span = collector.of(response.headers["x-request-id"])

    assert (span.name, span.kind, span.status.code) == (f"chat {CHAT}", span.SPAN_KIND_SERVER, 0)
    assert values(span) == {
        gen_ai.GEN_AI_OPERATION_NAME: "chat",
        gen_ai.GEN_AI_PROVIDER_NAME: "bailiwick",
        gen_ai.GEN_AI_SYSTEM: "bailiwick",
        gen_ai.GEN_AI_REQUEST_MODEL: CHAT,
        gen_ai.GEN_AI_REQUEST_MAX_TOKENS: 50,
        gen_ai.GEN_AI_REQUEST_TEMPERATURE: 0.1235,
        gen_ai.GEN_AI_REQUEST_TOP_P: 0.9,
        gen_ai.GEN_AI_REQUEST_TOP_K: 40,
        gen_ai.GEN_AI_REQUEST_CHOICE_COUNT: 2,
        gen_ai.GEN_AI_REQUEST_PRESENCE_PENALTY: -0.5,
        gen_ai.GEN_AI_RESPONSE_ID: response.headers["x-request-id"],
        gen_ai.GEN_AI_RESPONSE_FINISH_REASONS: ["stop"],
        gen_ai.GEN_AI_USAGE_INPUT_TOKENS: 7,
        gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS: 10,
        HTTP_RESPONSE_STATUS_CODE: 200,
        "bailiwick.lane": "realtime",
    }
    assert collector.resources[-1]["service.name"] == "bailiwick"
    assert collector.resources[-1]["cloud.region"] == "eu-de-1"
    parts = collector.wait(lambda: collector.parts(span))
    assert set(parts) == {"engine.queue", "engine.prefill", "engine.decode"}
    # The script says that it took longer than the whole request: its parts stay within.
    for part in parts.values():
        assert span.start_time_unix_nano <= part.start_time_unix_nano <= part.end_time_unix_nano
        assert part.end_time_unix_nano <= span.end_time_unix_nano
    assert parts["engine.prefill"].end_time_unix_nano == parts["engine.decode"].start_time_unix_nano
    assert GENERATED.decode_s > 0


def test_streams_completions_and_embeddings_are_named_as_the_conventions_say(
    client: httpx.Client, collector: Collector
) -> None:
    streamed = client.post("/v1/chat/completions", json=chat("Hello", stream=True, max_completion_tokens=9))
    completed = client.post("/v1/completions", json={"model": CHAT, "prompt": ["One", "Two"]})
    embedded = client.post("/v1/embeddings", json={"model": EMBEDDING, "input": ["a", "b"], "dimensions": 2})
    spans = [collector.of(answer.headers["x-request-id"]) for answer in (streamed, completed, embedded)]

    assert [span.name for span in spans] == [f"chat {CHAT}", f"text_completion {CHAT}", f"embeddings {EMBEDDING}"]
    assert values(spans[0])[gen_ai.GEN_AI_REQUEST_STREAM] is True
    assert values(spans[0])[gen_ai.GEN_AI_REQUEST_MAX_TOKENS] == 9
    assert values(spans[0])[gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS] == 5
    assert values(spans[1])[gen_ai.GEN_AI_USAGE_INPUT_TOKENS] == 14
    assert values(spans[2])[gen_ai.GEN_AI_EMBEDDINGS_DIMENSION_COUNT] == 2
    assert gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS not in values(spans[2])
    assert set(collector.parts(spans[2])) == {"engine.queue", "engine.prefill"}


def test_failures_say_their_code_and_only_ours_are_errors(client: httpx.Client, collector: Collector) -> None:
    broken = client.post("/v1/chat/completions", json=chat("!refuse 500"))
    unknown = client.post("/v1/chat/completions", json={**chat("Hello"), "model": "somebody@example.org"})
    late = client.post("/v1/chat/completions", json=chat("!fail-late please, later", stream=True))
    stranger = client.post("/v1/chat/completions", json=chat("Hello"), headers={"Authorization": "Bearer sk-wrong"})
    lost = client.get("/v1/chat/completions")
    fault, fault_of_theirs, cut = (collector.of(answer.headers["x-request-id"]) for answer in (broken, unknown, late))

    assert (fault.name, fault.status.code, values(fault)[ERROR_TYPE]) == (f"chat {CHAT}", 2, "refused")
    assert (fault_of_theirs.name, fault_of_theirs.status.code) == ("chat", 0)
    assert values(fault_of_theirs)[ERROR_TYPE] == "model_not_found"
    assert values(fault_of_theirs)[HTTP_RESPONSE_STATUS_CODE] == 404
    assert (values(cut)[ERROR_TYPE], cut.status.code) == ("broken", 2)
    assert (stranger.status_code, lost.status_code) == (401, 405)
    told = {values(span).get(gen_ai.GEN_AI_RESPONSE_ID) for span in collector.spans}
    assert told.isdisjoint(answer.headers["x-request-id"] for answer in (stranger, lost))


def test_a_traceparent_is_the_parent_and_a_bad_one_is_none(client: httpx.Client, collector: Collector) -> None:
    good = {"traceparent": f"00-{TRACE}-{SPAN}-00"}
    bad = {"traceparent": f"00-{TRACE}-{SPAN}-01-more"}
    spans = [
        collector.of(client.post("/v1/chat/completions", json=chat("Hi"), headers=given).headers["x-request-id"])
        for given in (good, bad)
    ]

    assert (spans[0].trace_id.hex(), spans[0].parent_span_id.hex()) == (TRACE, SPAN)
    assert spans[1].trace_id.hex() != TRACE
    assert spans[1].parent_span_id == b""


@pytest.mark.parametrize(
    "given",
    [
        "",
        "canary",
        f"00-{TRACE}-{SPAN}",
        f"01-{TRACE}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_only_a_valid_traceparent_is_one(given: str) -> None:
    assert parent_of([(b"traceparent", given.encode())]) is None


def test_two_parents_are_none() -> None:
    header = (b"traceparent", f"00-{TRACE}-{SPAN}-01".encode())
    assert parent_of([header]) == (int(TRACE, 16), int(SPAN, 16))
    assert parent_of([header, header]) is None


def test_no_span_holds_what_callers_wrote(
    client: httpx.Client, collector: Collector, organization: Organization
) -> None:
    canaries = [f"canary{secrets.token_hex(10)}" for _ in range(12)]
    text, user, stop, tool, about, state, baggage, agent, unknown, model, key, parent = canaries
    number = int(secrets.token_hex(6), 16) + (1 << 48)
    function = {"name": tool, "description": about, "parameters": {"type": "object", "properties": {key: {}}}}
    body = chat(
        f"{text} anna@example.com",
        user=user,
        stop=[stop],
        seed=number,
        max_tokens=number,
        top_k=number,
        metadata={unknown: unknown},
        tools=[{"type": "function", "function": function}],
        logit_bias={"7": 1.0},
    )
    headers = {
        "tracestate": f"vendor={state}",
        "baggage": f"userId={baggage}",
        "traceparent": f"00-{parent}",
        "user-agent": agent,
    }
    answers = [
        client.post("/v1/chat/completions", json=sent, headers=headers)
        for sent in (body, {**body, "stream": True}, {**body, "model": model}, {**body, "temperature": text})
    ]
    answers.append(client.post("/v1/completions", json={"model": CHAT, "prompt": text, "user": user}, headers=headers))
    answers.append(client.post("/v1/embeddings", json={"model": EMBEDDING, "input": text}, headers=headers))
    answers.append(client.post("/v1/chat/completions", content=text.encode(), headers=headers))
    assert [answer.status_code for answer in answers] == [200, 200, 404, 400, 200, 200, 400]
    for answer in answers:
        collector.of(answer.headers["x-request-id"])

    sent = b"\n".join(collector.received)
    assert CHAT.encode() in sent
    known = {organization.workspace_id, organization.api_key, organization.api_key.rpartition("-")[2], "anna@"}
    assert not [canary for canary in [*canaries, *known] if canary.encode() in sent]
    exported = [value for span in collector.spans for value in values(span).values()]
    assert number not in exported
    allowed = {value for name, value in vars(gen_ai).items() if name.startswith("GEN_AI_")} | LOCAL
    allowed |= {ERROR_TYPE, HTTP_RESPONSE_STATUS_CODE}
    assert {name for span in collector.spans for name in values(span)} <= allowed


def test_requests_do_not_notice_a_collector_that_is_away(organization: Organization) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nowhere = f"http://127.0.0.1:{probe.getsockname()[1]}"
    headers = {"Authorization": f"Bearer {organization.api_key}"}
    with exporting(nowhere) as running, httpx.Client(base_url=running.url, headers=headers) as client:
        answers = [client.post("/v1/chat/completions", json=chat("Hi")) for _ in range(20)]

    assert {answer.status_code for answer in answers} == {200}
    assert max(answer.elapsed.total_seconds() for answer in answers) < 2.0


def test_a_ratio_of_none_exports_nothing(organization: Organization) -> None:
    headers = {"Authorization": f"Bearer {organization.api_key}"}
    with collecting() as collector:
        with (
            exporting(collector.endpoint, "0") as running,
            httpx.Client(base_url=running.url, headers=headers) as client,
        ):
            assert client.post("/v1/chat/completions", json=chat("Hi")).status_code == 200
        assert collector.received == []
