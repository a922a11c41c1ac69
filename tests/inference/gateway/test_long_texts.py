"""Long texts are redacted like short ones, and nobody else waits for them; neither for long answers that are looked through."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from inference.gateway.long_texts import SHORT_CHARACTERS
from tests.inference.gateway.scripted import CHAT
from tests.inference.gateway.serving import Served
from tests.inference.gateway.test_redaction_in_force import Decide, chat, decide, until  # noqa: F401  # a fixture

HOSTILE = "DE89 3704\n" * 5_000
"""The beginning of an account and of a postal address in every line: about the worst that a text of this length can cost."""


def test_a_long_text_is_redacted(client: httpx.Client) -> None:
    answer = ask(client, "word " * SHORT_CHARACTERS + "anna@example.org")

    assert answer.status_code == 200
    assert answer.headers["x-bailiwick-redactions"] == "EMAIL=1"


def test_short_requests_do_not_wait_for_a_long_text(client: httpx.Client) -> None:
    ask(client, "Hello")
    took: list[float] = []

    def ask_hostile() -> None:
        began = time.monotonic()
        ask(client, HOSTILE)
        took.append(time.monotonic() - began)

    hostile = threading.Thread(target=ask_hostile)
    hostile.start()
    waits = []
    while hostile.is_alive():
        began = time.monotonic()
        ask(client, "Hello")
        waits.append(time.monotonic() - began)
    hostile.join()

    assert len(waits) >= 2
    assert max(waits) < took[0]


def ask(client: httpx.Client, text: str) -> httpx.Response:
    body = {"model": CHAT, "messages": [{"role": "user", "content": text}], "max_tokens": 4}
    return client.post("/v1/chat/completions", json=body)


@pytest.mark.parametrize("mode", ["mask", "flag"])
@pytest.mark.parametrize("stream", [False, True])
def test_the_loop_is_not_held_up_by_looking_through_a_long_answer(
    client: httpx.Client,
    served: Served,
    decide: Decide,  # noqa: F811  # the fixture
    mode: str,
    stream: bool,
) -> None:
    # The scripted engine repeats what it is told: a tool's result, which this policy leaves as it is.
    decide(output_scan=mode, routes={"tool_results": False}, entities={"EMAIL": {"action": "mask"}})
    until(client, "a@b.example", lambda _: served.engine.last.messages[-1].content == "[[EMAIL_1]]")
    hello = {"role": "user", "content": "Hello"}
    # It streams three characters a piece, and every piece is looked at with what came before it.
    text = HOSTILE[:9_000] if stream else HOSTILE
    messages = [hello, {"role": "tool", "tool_call_id": "call_1", "content": text}]

    with stalls(served.loop) as measured:
        answer = chat(client, "", messages=messages, stream=stream)

    assert answer.status_code == 200
    # Looking through it takes seconds on a busy core, and others take turns meanwhile.
    assert max(measured) < 0.5


@contextmanager
def stalls(loop: asyncio.AbstractEventLoop) -> Iterator[list[float]]:
    """How late the loop came back to somebody who wanted it every 5 ms, in seconds."""
    measured: list[float] = []
    done = threading.Event()

    async def watch() -> None:
        while not done.is_set():
            asked = time.perf_counter()
            await asyncio.sleep(0.005)
            measured.append(time.perf_counter() - asked - 0.005)

    watching = asyncio.run_coroutine_threadsafe(watch(), loop)
    yield measured
    done.set()
    watching.result(10)
