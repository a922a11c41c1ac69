"""Whole answers in OpenAI's shapes: chat completions, completions, embeddings, models."""

from __future__ import annotations

from array import array
from binascii import b2a_base64
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from inference.engine.protocol import Choice, Embedded, ModelInfo, TokenLogprob
from inference.gateway.calls import Opened, Said
from inference.gateway.replies import ReplyMaker

encode = msgspec.json.Encoder().encode

LEAST_LOGPROB = -9999.0
"""Stands for minus infinity, which JSON cannot say; OpenAI uses the same number."""

FINISH = {"stop": "stop", "length": "length", "deadline": "length"}
"""Engine finish reasons that are an answer; every other one is a failure."""


class Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class CalledFunction(msgspec.Struct):
    name: str
    arguments: str


class AnswerCall(msgspec.Struct):
    id: str
    function: CalledFunction
    type: str = "function"


class AnswerMessage(msgspec.Struct):
    content: str | None
    role: str = "assistant"
    refusal: None = None
    tool_calls: list[AnswerCall] | msgspec.UnsetType = msgspec.UNSET


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
    system_fingerprint: str | None = None
    """`fp_` and the first digits of the digest of the weights that answered."""


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
    system_fingerprint: str | None = None
    """`fp_` and the first digits of the digest of the weights that answered."""


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


def finish_reason(reason: str, called: bool) -> str:
    """OpenAI's word for an engine's finish reason; `called` says that the choice holds tool calls."""
    return "tool_calls" if called and reason == "stop" else FINISH[reason]


def chat_message(text: str, make: ReplyMaker | None) -> AnswerMessage:
    """The message of a choice whose engine text is `text`."""
    if make is None:
        return AnswerMessage(text)
    reply = make()
    said: list[str] = []
    calls: list[AnswerCall] = []
    for piece in [*reply.feed(text), *reply.finish()]:
        if isinstance(piece, Said):
            said.append(piece.text)
        elif isinstance(piece, Opened):
            calls.append(AnswerCall(piece.id, CalledFunction(piece.name, "")))
        else:
            calls[piece.index].function.arguments += piece.text
    content = "".join(said)
    return AnswerMessage(content or None, tool_calls=calls) if calls else AnswerMessage(content)


def chat_completion(
    request: str,
    created: int,
    model: str,
    weights: str | None,
    choices: Sequence[tuple[Choice, AnswerMessage]],
    count: Usage,
) -> bytes:
    """`request` is the hexadecimal number of the request; what was redacted is already put back into the messages."""
    made = [
        ChatChoice(
            choice.index,
            message,
            chat_logprobs(choice.logprobs),
            finish_reason(choice.finish_reason, message.tool_calls is not msgspec.UNSET),
        )
        for choice, message in choices
    ]
    return encode(
        ChatCompletion(f"chatcmpl-{request}", created, model, made, count, system_fingerprint=_fingerprint(weights))
    )


def completion(
    request: str, created: int, model: str, weights: str | None, choices: Sequence[Choice], count: Usage
) -> bytes:
    """Texts of `choices` are already restored."""
    made = [CompletionChoice(c.index, c.text, text_logprobs(c.logprobs), FINISH[c.finish_reason]) for c in choices]
    return encode(Completion(f"cmpl-{request}", created, model, made, count, system_fingerprint=_fingerprint(weights)))


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


def _fingerprint(weights: str | None) -> str | None:
    return None if weights is None else f"fp_{weights}"


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
