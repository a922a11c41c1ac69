"""A whole answer: made of what the engine gave back once all of it is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inference.engine.protocol import Choice, Embedded, Generated
from inference.gateway import answers
from inference.gateway.ending import Ending
from inference.gateway.engine_calls import accept, longest, weights
from inference.gateway.records import Admission
from inference.gateway.replies import reply_maker
from inference.gateway.schemas import CompletionRequest, EmbeddingRequest
from inference.gateway.transcript import Transcript


def looked_through(admission: Admission, results: Sequence[Any]) -> int:
    """Characters of the answer that are looked through for personal data."""
    if admission.output is None or isinstance(admission.request, EmbeddingRequest):
        return 0
    return sum(len(choice.text) for result in results for choice in result.choices)


def composed(admission: Admission, transcript: Transcript | None, results: Sequence[Any]) -> tuple[bytes, Ending]:
    """The body, and how the request ends with it. Raises EngineFailure or RedactionError."""
    request = admission.request
    if isinstance(request, EmbeddingRequest):
        made: Embedded = results[0]
        body = answers.embeddings(request.model, made, request.encoding_format or "float")
        return body, Ending("completed", 200, None, made.prompt_tokens, 0, weights(results), 1, made.timings)
    choices: list[Choice] = []
    prompt_tokens = completion_tokens = 0
    per_call = request.n or 1
    make = reply_maker(request, admission.placeholders, admission.output)
    for position, result in enumerate(results):
        generated: Generated = result
        prompt_tokens += generated.prompt_tokens
        completion_tokens += generated.completion_tokens
        for choice in generated.choices:
            accept(choice.finish_reason)
            choice.index += position * per_call
            if transcript is not None:
                transcript.take(choice)
            choices.append(choice)
    count = answers.usage(prompt_tokens, completion_tokens)
    messages = [answers.chat_message(choice.text, make) for choice in choices]
    answered_by = weights(results)
    head = admission.number.hex, admission.created, request.model, answered_by
    if isinstance(request, CompletionRequest):
        for choice, message in zip(choices, messages, strict=True):
            choice.text = message.content or ""
        body = answers.completion(*head, choices, count)
    else:
        body = answers.chat_completion(*head, list(zip(choices, messages, strict=True)), count)
    reason = None
    if choices:
        reason = answers.finish_reason(choices[0].finish_reason, bool(messages[0].tool_calls))
    return body, Ending(
        "completed", 200, reason, prompt_tokens, completion_tokens, answered_by, len(choices), longest(results)
    )
