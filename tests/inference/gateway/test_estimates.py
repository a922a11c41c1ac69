"""What a request is charged before anything is counted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inference.gateway.estimates import ANSWER_TOKENS, answer_estimate, prompt_estimate
from inference.gateway.parsing import parser
from inference.gateway.schemas import ChatRequest, CompletionRequest, EmbeddingRequest

CHAT = {"model": "m", "messages": [{"role": "user", "content": "x" * 400}]}
PROMPTS = {"model": "m", "prompt": ["x" * 40] * 3}


@pytest.mark.parametrize(
    ("kind", "body", "answer"),
    [
        (ChatRequest, CHAT, ANSWER_TOKENS),
        (ChatRequest, CHAT | {"max_tokens": 30, "n": 4}, 120),
        (ChatRequest, CHAT | {"max_tokens": 30, "max_completion_tokens": 50}, 50),
        (ChatRequest, CHAT | {"max_tokens": 10**9}, 2000),
        (CompletionRequest, PROMPTS, 48),
        (CompletionRequest, PROMPTS | {"max_tokens": 0, "echo": True}, 0),
        (CompletionRequest, PROMPTS | {"max_tokens": 100, "n": 2}, 600),
        (EmbeddingRequest, {"model": "m", "input": ["x"] * 100}, 0),
    ],
)
def test_an_answer_is_taken_to_be_as_long_as_it_may_be(kind: Any, body: dict[str, Any], answer: int) -> None:
    request = parser(kind)(json.dumps(body).encode())

    assert answer_estimate(request, window=2000) == answer


def test_a_prompt_is_a_token_for_four_characters_and_some_for_each_text() -> None:
    assert prompt_estimate(["x" * 400]) == 104
    assert prompt_estimate(["x" * 40] * 10) == 140
    assert prompt_estimate([]) == 0
