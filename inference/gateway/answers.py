"""Whole answers in OpenAI's shapes: chat completions, completions, embeddings, models."""

from __future__ import annotations

from array import array
from binascii import b2a_base64
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from inference.engine.protocol import Choice, Embedded, ModelInfo, TokenLogprob

encode = msgspec.json.Encoder().encode

LEAST_LOGPROB = -9999.0
"""Stands for minus infinity, which JSON cannot say; OpenAI uses the same number."""

FINISH = {"stop": "stop", "length": "length", "deadline": "length"}
"""Engine finish reasons that are an answer; every other one is a failure."""


class Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class AnswerMessage(msgspec.Struct):
    content: str
    role: str = "assistant"
    refusal: None = None


class ChatChoice(msgspec.Struct):
    index: int
    message: AnswerMessage
    logprobs: dict[str, Any] | None
    finish_reason: str


class ChatCompletion(msgspec.Struct):
    id: str
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage
    object: str = "chat.completion"
    system_fingerprint: None = None


class CompletionChoice(msgspec.Struct):
    index: int
    text: str
    logprobs: dict[str, Any] | None
    finish_reason: str


class Completion(msgspec.Struct):
    id: str
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: Usage
    object: str = "text_completion"
    system_fingerprint: None = None


class EmbeddingUsage(msgspec.Struct):
    prompt_tokens: int
    total_tokens: int


class Embedding(msgspec.Struct):
    index: int
    embedding: Any
    object: str = "embedding"


class Embeddings(msgspec.Struct):
    data: list[Embedding]
    model: str
    usage: EmbeddingUsage
    object: str = "list"


class Model(msgspec.Struct):
    id: str
    created: int
    owned_by: str
    object: str = "model"


class ModelList(msgspec.Struct):
    data: list[Model]
    object: str = "list"


def usage(prompt_tokens: int, completion_tokens: int) -> Usage:
    return Usage(prompt_tokens, completion_tokens, prompt_tokens + completion_tokens)


def chat_completion(request: str, created: int, model: str, choices: Sequence[Choice], count: Usage) -> bytes:
    """`request` is the hexadecimal number of the request; texts of `choices` are already restored."""
    made = [
        ChatChoice(c.index, AnswerMessage(c.text), chat_logprobs(c.logprobs), FINISH[c.finish_reason]) for c in choices
    ]
    return encode(ChatCompletion(f"chatcmpl-{request}", created, model, made, count))


def completion(request: str, created: int, model: str, choices: Sequence[Choice], count: Usage) -> bytes:
    made = [CompletionChoice(c.index, c.text, text_logprobs(c.logprobs), FINISH[c.finish_reason]) for c in choices]
    return encode(Completion(f"cmpl-{request}", created, model, made, count))


def embeddings(model: str, made: Embedded, encoding: Literal["float", "base64"]) -> bytes:
    """Vectors as numbers, or as base64 of little-endian float32 as the openai SDKs ask by default."""
    width = made.dimensions * 4
    rows = (made.data[start : start + width] for start in range(0, len(made.data), width))
    data = [
        Embedding(index, b2a_base64(row, newline=False).decode() if encoding == "base64" else array("f", row).tolist())
        for index, row in enumerate(rows)
    ]
    return encode(Embeddings(data, model, EmbeddingUsage(made.prompt_tokens, made.prompt_tokens)))


def model_list(models: Sequence[ModelInfo]) -> bytes:
    return encode(ModelList([model_card(model) for model in models]))


def model_card(model: ModelInfo) -> Model:
    return Model(model.name, int(model.loaded_at), "bailiwick")


def chat_logprobs(tokens: Sequence[TokenLogprob] | None) -> dict[str, Any] | None:
    if tokens is None:
        return None
    return {
        "content": [
            {**_chat_logprob(token), "top_logprobs": [_chat_logprob(top) for top in token.top]} for token in tokens
        ]
    }


def _chat_logprob(token: TokenLogprob) -> dict[str, Any]:
    return {"token": token.token, "logprob": max(token.logprob, LEAST_LOGPROB), "bytes": token.bytes}


def text_logprobs(tokens: Sequence[TokenLogprob] | None, offset: int = 0) -> dict[str, Any] | None:
    """The older form of /v1/completions. `offset` is where the first token begins in the choice's text."""
    if tokens is None:
        return None
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token.token)
    return {
        "tokens": [token.token for token in tokens],
        "token_logprobs": [max(token.logprob, LEAST_LOGPROB) for token in tokens],
        "top_logprobs": [{top.token: max(top.logprob, LEAST_LOGPROB) for top in token.top} for token in tokens],
        "text_offset": offsets,
    }
