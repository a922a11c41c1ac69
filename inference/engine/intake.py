"""The door: turns what came over the wire into a request that fits the model, or refuses it. Imports no torch."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from inference.engine import grammar, protocol, tools
from inference.engine.errors import Refusal, refuse
from inference.engine.request import FLOAT_BYTES, Embedding, Generation, Sink, Tagging

if TYPE_CHECKING:
    from inference.engine.served import ServedModel

MAX_STOPS = 16
MAX_STOP_CHARS = 1024
MAX_LOGPROBS = 20
MAX_INPUTS = 2048
MAX_TAGGED_INPUTS = 16_384
"""One request may have more messages than another may have inputs."""
MAX_TAGGED_BYTES = 24 << 20
"""Of the scores and places in one answer, which has to fit a frame."""
MAX_BIASES = 300
MAX_REPETITION_PENALTY = 100.0
COMPILING = 1 << 20
"""Characters that a grammar counts as: compiling one takes longer than reading any prompt."""
MAX_CHARS_PER_TOKEN = 64
"""A text longer than this many characters for each token of the limit is refused without tokenizing it."""

_GIVES: dict[protocol.Kind, str] = {
    "chat": "gives text; use /v1/chat/completions",
    "embedding": "gives embeddings, not text; use /v1/embeddings",
    "tagging": "finds names for redaction; a policy names it, and no request",
}


def receive_generation(wire: protocol.Generate, model: ServedModel, sink: Sink) -> Generation:
    """Raises Refusal 400 for anything the model cannot do as asked."""
    if model.info.kind != "chat":
        raise wrong_kind(model.info.name, model.info.kind)
    _check_sampling(wire, model.vocabulary)
    grammar.check(wire)
    prompt = _prompt(wire, model)
    limit = model.info.max_tokens
    if len(prompt) >= limit:
        raise _too_long(limit, len(prompt), "prompt" if wire.messages is None else "messages")
    room = limit - len(prompt)
    sampling = wire.sampling
    max_tokens = min(sampling.max_tokens or room, room)
    compiled = None if model.grammars is None else model.grammars.of(wire)
    if compiled is not None and compiled.least_tokens > max_tokens:
        raise refuse(
            400,
            "max_tokens_too_small",
            f"the shortest answer of the form asked for takes {compiled.least_tokens} tokens, and max_tokens and the model's "
            f"limit leave {max_tokens}",
            param="max_tokens",
        )
    return Generation(
        workspace=wire.workspace,
        lane=wire.lane,
        sink=sink,
        tokenizer=model.tokenizer,
        prompt=prompt,
        max_tokens=max_tokens,
        sampling=sampling,
        seed=secrets.randbits(64) if sampling.seed is None else sampling.seed,
        stream=wire.stream,
        echo=_echo(wire, model),
        stop_ids=model.stop_ids,
        cache=wire.cache,
        queued_tokens=wire.queued_tokens,
        deterministic=wire.deterministic,
        grammar=compiled,
        **_caller(wire, model),
    )


def receive_embedding(wire: protocol.Embed, model: ServedModel, sink: Sink) -> Embedding:
    """Raises Refusal 400 for anything the model cannot do as asked."""
    if model.info.kind != "embedding":
        raise wrong_kind(model.info.name, model.info.kind)
    _check_inputs(wire.inputs)
    if wire.dimensions is not None and not 0 < wire.dimensions <= model.dimensions:
        raise refuse(
            400,
            "invalid_dimensions",
            f"dimensions must be from 1 to {model.dimensions} for this model",
            param="dimensions",
        )
    limit = model.info.max_tokens
    inputs = []
    for text in wire.inputs:
        if isinstance(text, str):
            _check_chars(len(text), limit, "input")
            ids = model.tokenizer.encode(text)
        else:
            ids = _checked_ids(text, model, "input")
        if not ids:
            raise refuse(400, "empty_input", "every input must hold at least one token", param="input")
        if len(ids) > limit:
            raise _too_long(limit, len(ids), "input")
        inputs.append(ids)
    return Embedding(
        workspace=wire.workspace,
        lane=wire.lane,
        sink=sink,
        inputs=inputs,
        dimensions=wire.dimensions,
        preset=wire.preset,
        **_caller(wire, model),
    )


def receive_tagging(wire: protocol.Tag, model: ServedModel, sink: Sink) -> Tagging:
    """Raises Refusal 400 for anything the model cannot do as asked. A text may be of any length, and empty."""
    if model.passages is None:
        raise wrong_kind(model.info.name, model.info.kind)
    _check_inputs(wire.inputs, MAX_TAGGED_INPUTS)
    labels = model.info.labels
    most = MAX_TAGGED_BYTES // (FLOAT_BYTES * (len(labels) + 3))
    reads, tokens = [], 0
    for text in wire.inputs:
        reads.append(model.passages.read(text))
        tokens += len(reads[-1].places)
        if tokens > most:
            raise refuse(
                400, "input_too_long", f"the input has more than {most} tokens; send several requests", param="input"
            )
    return Tagging(
        workspace=wire.workspace,
        lane=wire.lane,
        sink=sink,
        inputs=[passage for read in reads for passage in read.passages],
        preset=wire.preset,
        passages=model.passages,
        reads=reads,
        labels=labels,
        **_caller(wire, model),
    )


def wrong_kind(name: str, kind: protocol.Kind) -> Refusal:
    """What a model of that kind is not for."""
    return refuse(400, "wrong_model_kind", f"{name} {_GIVES[kind]}", param="model")


def _check_inputs(inputs: Sequence[object], most: int = MAX_INPUTS) -> None:
    if not inputs:
        raise refuse(400, "empty_input", "input must hold at least one text", param="input")
    if len(inputs) > most:
        raise refuse(
            400, "too_many_inputs", f"input may hold at most {most} texts; send several requests", param="input"
        )


def _caller(wire: protocol.Generate | protocol.Embed | protocol.Tag, model: ServedModel) -> dict[str, Any]:
    """What the gateway says of who asks, and how long the answer is of use."""
    if not 0.01 <= wire.weight <= 100.0:
        raise _invalid("weight", "must be from 0.01 to 100")
    if wire.deadline_s is not None and not 0.0 < wire.deadline_s < 1e6:
        raise _invalid("deadline", "must lie ahead")
    return {
        "request": wire.request,
        "key": wire.key if isinstance(wire, protocol.Generate) else "",
        "subject": wire.subject,
        "weight": wire.weight,
        "version": model.version,
        "deadline": None if wire.deadline_s is None else monotonic() + wire.deadline_s,
    }


def size(wire: protocol.Generate | protocol.Embed | protocol.Tag) -> int:
    """Characters and token ids to read: a measure of the work that taking the request in will be."""
    if not isinstance(wire, protocol.Generate):
        return sum(map(len, wire.inputs))
    compiling = COMPILING if wire.grammar is not None or tools.offered(wire) else 0
    if wire.messages is not None:
        return compiling + sum(map(_chars, wire.messages)) + sum(map(_tool_chars, wire.tools))
    return compiling + len(wire.prompt or "")


def _prompt(wire: protocol.Generate, model: ServedModel) -> list[int]:
    if (wire.messages is None) == (wire.prompt is None):
        raise refuse(400, "invalid_request", "give either messages or prompt", param="messages")
    limit = model.info.max_tokens
    if wire.messages is not None:
        if not wire.messages:
            raise refuse(400, "empty_input", "messages must hold at least one message", param="messages")
        for message in wire.messages:
            _check_chars(_chars(message), limit, "messages")
        _check_chars(sum(map(_tool_chars, wire.tools)), limit, "tools")
        prompt = model.tokenizer.encode_chat(wire.messages, wire.tools)
    elif isinstance(wire.prompt, str):
        _check_chars(len(wire.prompt), limit, "prompt")
        prompt = model.tokenizer.encode(wire.prompt)
    else:
        prompt = _checked_ids(wire.prompt or [], model, "prompt")
    if not prompt:
        raise refuse(400, "empty_input", "the prompt must hold at least one token", param="prompt")
    return prompt


def _echo(wire: protocol.Generate, model: ServedModel) -> str:
    if not wire.echo or wire.prompt is None:
        return ""
    return wire.prompt if isinstance(wire.prompt, str) else model.tokenizer.decode(wire.prompt)


def _chars(message: protocol.Message) -> int:
    calls = sum(len(call.name) + len(call.arguments) for call in message.tool_calls)
    return len(message.content) + calls


def _tool_chars(tool: protocol.Tool) -> int:
    return len(tool.name) + len(tool.description) + len(tool.parameters)


def _check_sampling(wire: protocol.Generate, vocabulary: int) -> None:
    sampling = wire.sampling
    if sampling.max_tokens is not None and sampling.max_tokens < 1:
        raise _invalid("max_tokens", "must be at least 1")
    if sampling.n < 1:
        raise _invalid("n", "must be at least 1")
    if not 0.0 <= sampling.temperature <= 100.0:
        raise _invalid("temperature", "must be from 0 to 100")
    if not 0.0 < sampling.top_p <= 1.0:
        raise _invalid("top_p", "must be above 0 and at most 1")
    if sampling.top_k < 0:
        raise _invalid("top_k", "must be 0 (no limit) or more")
    for name in ("presence_penalty", "frequency_penalty"):
        if not -2.0 <= getattr(sampling, name) <= 2.0:
            raise _invalid(name, "must be from -2 to 2")
    if not 0.0 < sampling.repetition_penalty <= MAX_REPETITION_PENALTY:
        raise _invalid("repetition_penalty", f"must be above 0 and at most {MAX_REPETITION_PENALTY:.0f}")
    if not 0.0 <= sampling.min_p <= 1.0:
        raise _invalid("min_p", "must be from 0 to 1")
    if len(sampling.logit_bias) > MAX_BIASES:
        raise _invalid("logit_bias", f"may name at most {MAX_BIASES} tokens")
    if any(not 0 <= token < vocabulary for token in sampling.logit_bias):
        raise _invalid("logit_bias", f"token ids must be from 0 to {vocabulary - 1} for this model")
    if any(not -100.0 <= bias <= 100.0 for bias in sampling.logit_bias.values()):
        raise _invalid("logit_bias", "must be from -100 to 100 for each token")
    if len(sampling.stop) > MAX_STOPS or any(not 0 < len(stop) <= MAX_STOP_CHARS for stop in sampling.stop):
        raise _invalid("stop", f"may be at most {MAX_STOPS} texts of 1 to {MAX_STOP_CHARS} characters")
    if sampling.logprobs is not None:
        if not 0 <= sampling.logprobs <= MAX_LOGPROBS:
            raise _invalid("logprobs", f"must be from 0 to {MAX_LOGPROBS}")
        if wire.echo:
            raise _invalid("logprobs", "cannot be combined with echo: ask for one of them")


def _checked_ids(ids: list[int], model: ServedModel, param: str) -> list[int]:
    if any(not 0 <= token < model.vocabulary for token in ids):
        raise _invalid(param, f"token ids must be from 0 to {model.vocabulary - 1} for this model")
    return ids


def _check_chars(count: int, limit: int, param: str) -> None:
    if count > limit * MAX_CHARS_PER_TOKEN:
        raise refuse(
            400,
            "context_length_exceeded",
            f"this model takes at most {limit} tokens; a text of {count} characters has more. Shorten it",
            param=param,
        )


def _too_long(limit: int, count: int, param: str) -> Refusal:
    return refuse(
        400,
        "context_length_exceeded",
        f"this model takes at most {limit} tokens, and the {param} came to {count}; shorten it",
        param=param,
    )


def _invalid(param: str, problem: str) -> Refusal:
    return refuse(400, "invalid_value", f"{param} {problem}", param=param)
