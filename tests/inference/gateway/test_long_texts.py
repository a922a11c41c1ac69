"""Long texts are redacted like short ones, and nobody else waits for them."""

from __future__ import annotations

import threading
import time

import httpx

from inference.gateway.redacting import SHORT_CHARACTERS
from tests.inference.gateway.scripted import CHAT

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
