"""What other gateways were reported to get wrong, each as a test of whole requests to this one. See also the file of this name
under `tests/inference/redaction`."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import httpx
import pytest

from inference.redaction import OutputFilter, ScanFailed
from tests.inference.gateway.scripted import CHAT
from tests.inference.gateway.serving import Served
from tests.inference.gateway.test_redaction_in_force import Decide, chat, decide, said, until  # noqa: F401  # a fixture

ADDRESS = "bob@example.org"


def test_litellm_nothing_came_before_the_whole_answer_was_there(client: httpx.Client, served: Served) -> None:
    # The engine writes a little and waits; what it wrote is with the caller meanwhile.
    text = "!half anna@example.org and more"
    pieces: list[str] = []

    with client.stream("POST", "/v1/chat/completions", json=streaming(text)) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                pieces += [choice["delta"].get("content") or "" for choice in json.loads(line[6:]).get("choices", ())]

    assert "".join(pieces) == text[:6]


@pytest.mark.parametrize("stream", [False, True])
def test_litellm_what_could_not_be_looked_through_was_passed_on_raw(
    client: httpx.Client,
    served: Served,
    decide: Decide,  # noqa: F811  # the fixture
    monkeypatch: pytest.MonkeyPatch,
    stream: bool,
) -> None:
    decide(output_scan="mask", routes={"tool_results": False}, entities={"EMAIL": {"action": "mask"}})
    until(client, ADDRESS, lambda _: served.engine.last.messages[-1].content == "[[EMAIL_1]]")
    told = [
        {"role": "user", "content": "Hi"},
        {"role": "tool", "tool_call_id": "c", "content": f"Ask {ADDRESS} first " * 9},
    ]

    def failing(self: OutputFilter, text: str) -> list[Any]:
        raise ScanFailed("the scanner", ValueError(text))

    monkeypatch.setattr(OutputFilter, "_spans", failing)
    answer = chat(client, "", messages=told, stream=stream)

    assert ADDRESS not in answer.text and "bob" not in answer.text
    assert "redaction_failed" in answer.text
    assert stream or answer.status_code == 500
    assert "[DONE]" not in answer.text


def test_litellm_an_engine_that_failed_late_let_placeholders_through(client: httpx.Client) -> None:
    answer = client.post("/v1/chat/completions", json=streaming("!fail-late anna@example.org"))

    assert '"content":"!fa"' in answer.text and '"code":"broken"' in answer.text
    assert "[[" not in answer.text and "[DONE]" not in answer.text


@pytest.mark.parametrize(
    "path", ["/v1/responses", "/v1/messages", "/v1/moderations", "/v1/audio/speech", "/anthropic/v1/messages"]
)
def test_litellm_other_routes_went_around_redaction(client: httpx.Client, served: Served, path: str) -> None:
    before = len(served.engine.received)

    answer = client.post(
        path, json={"model": CHAT, "input": ADDRESS, "messages": [{"role": "user", "content": ADDRESS}]}
    )

    assert answer.status_code == 404
    assert len(served.engine.received) == before


def test_litellm_counting_only_changed_the_answer(
    client: httpx.Client,
    served: Served,
    decide: Decide,  # noqa: F811  # the fixture
) -> None:
    decide(output_scan="flag", entities={"EMAIL": {"action": "flag"}})
    until(client, ADDRESS, lambda _: served.engine.last.messages[-1].content == ADDRESS)
    text = f"Ask {ADDRESS} or [[EMAIL_1]], {{'a': '<b>'}}\n" * 40

    assert said(chat(client, text, stream=True)) == text
    assert chat(client, text).json()["choices"][0]["message"]["content"] == text


def test_llm_guard_requests_at_the_same_time_got_each_others_values(client: httpx.Client) -> None:
    wrong: list[str] = []

    def ask(number: int) -> None:
        with httpx.Client(base_url=client.base_url, headers=client.headers, timeout=20) as own:
            until_s = time.monotonic() + 1
            while time.monotonic() < until_s:
                text = f"I am user{number}@example.org"
                answer = own.post("/v1/chat/completions", json=streaming(text))
                if said(answer) != text:
                    wrong.append(answer.text)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def streaming(text: str) -> dict[str, Any]:
    return {"model": CHAT, "messages": [{"role": "user", "content": text}], "stream": True}
