"""How many tokens a request will probably take, before anything counts them: what its token rate is charged at the door."""

from __future__ import annotations

from collections.abc import Sequence

from inference.gateway.completion_request import COMPLETION_TOKENS
from inference.gateway.schemas import ChatRequest, EmbeddingRequest, InferenceRequest

CHARACTERS_PER_TOKEN = 4
TEXT_TOKENS = 4
"""What a message costs beside its characters."""
ANSWER_TOKENS = 256
"""Of a chat that does not say how long its answer may be. What it takes beyond them is charged when it has ended."""


def prompt_estimate(texts: Sequence[str]) -> int:
    return sum(map(len, texts)) // CHARACTERS_PER_TOKEN + TEXT_TOKENS * len(texts)


def answer_estimate(request: InferenceRequest, window: int) -> int:
    """The longest that all choices together may become; `window` is the model's longest prompt plus answer, in tokens."""
    if isinstance(request, EmbeddingRequest):
        return 0
    if isinstance(request, ChatRequest):
        limit = request.max_completion_tokens or request.max_tokens or ANSWER_TOKENS
        prompts = 1
    else:
        limit = COMPLETION_TOKENS if request.max_tokens is None else request.max_tokens
        prompts = len(request.prompt)
    return min(limit, window) * (request.n or 1) * prompts
