"""Streamed answers as server-sent events, byte for byte in OpenAI's shapes.

The parts of a chunk that stay the same are made once a stream: a chunk then costs one JSON string and one join.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from inference.engine.protocol import Delta, TokenLogprob
from inference.gateway import answers
from inference.gateway.errors import ApiError
from inference.redaction import PlaceholderMap, RestoringStream

_json = msgspec.json.Encoder().encode

DONE = b"data: [DONE]\n\n"


def error_event(error: ApiError) -> bytes:
    """An error after the stream began: the SDKs raise it; no [DONE] follows."""
    return b"data: %b\n\n" % error.body()


class Events:
    """Chunks of one stream. `request` is the hexadecimal number of the request."""

    def __init__(self, request: str, created: int, model: str, include_usage: bool) -> None:
        self._head = b'data: {"id":%b,"object":%b,"created":%d,"model":%b,"system_fingerprint":null,"choices":[' % (
            _json(f"{self.prefix}-{request}"),
            _json(self.kind),
            created,
            _json(model),
        )
        self._tail = b'],"usage":null}\n\n' if include_usage else b"]}\n\n"

    prefix: str
    kind: str

    def opened(self, index: int) -> bytes:
        """What comes before the first text of a choice."""
        raise NotImplementedError

    def text(self, index: int, text: str, logprobs: Sequence[TokenLogprob] | None) -> bytes:
        raise NotImplementedError

    def finished(self, index: int, reason: str) -> bytes:
        raise NotImplementedError

    def usage(self, prompt_tokens: int, completion_tokens: int) -> bytes:
        """The last chunk of a stream whose caller asked for usage."""
        count = _json(answers.usage(prompt_tokens, completion_tokens))
        return b'%b],"usage":%b}\n\n' % (self._head, count)


class ChatEvents(Events):
    prefix = "chatcmpl"
    kind = "chat.completion.chunk"

    def opened(self, index: int) -> bytes:
        delta = b'{"role":"assistant","content":"","refusal":null}'
        return b'%b{"index":%d,"delta":%b,"logprobs":null,"finish_reason":null}%b' % (
            self._head,
            index,
            delta,
            self._tail,
        )

    def text(self, index: int, text: str, logprobs: Sequence[TokenLogprob] | None) -> bytes:
        return b'%b{"index":%d,"delta":{"content":%b},"logprobs":%b,"finish_reason":null}%b' % (
            self._head,
            index,
            _json(text),
            _json(answers.chat_logprobs(logprobs)),
            self._tail,
        )

    def finished(self, index: int, reason: str) -> bytes:
        return b'%b{"index":%d,"delta":{},"logprobs":null,"finish_reason":%b}%b' % (
            self._head,
            index,
            _json(reason),
            self._tail,
        )


class CompletionEvents(Events):
    prefix = "cmpl"
    kind = "text_completion"

    def __init__(self, request: str, created: int, model: str, include_usage: bool) -> None:
        super().__init__(request, created, model, include_usage)
        self._offsets: dict[int, int] = {}

    def opened(self, index: int) -> bytes:
        return b""

    def text(self, index: int, text: str, logprobs: Sequence[TokenLogprob] | None) -> bytes:
        spoken = b"null"
        if logprobs is not None:
            offset = self._offsets.get(index, 0)
            spoken = _json(answers.text_logprobs(logprobs, offset))
            self._offsets[index] = offset + sum(len(token.token) for token in logprobs)
        return b'%b{"index":%d,"text":%b,"logprobs":%b,"finish_reason":null}%b' % (
            self._head,
            index,
            _json(text),
            spoken,
            self._tail,
        )

    def finished(self, index: int, reason: str) -> bytes:
        return b'%b{"index":%d,"text":"","logprobs":null,"finish_reason":%b}%b' % (
            self._head,
            index,
            _json(reason),
            self._tail,
        )


class EventWriter:
    """Turns pieces from the engine into events: opens choices, restores what was redacted, remembers how each ended."""

    def __init__(self, events: Events, placeholders: PlaceholderMap | None) -> None:
        self._events = events
        self._placeholders = placeholders
        self._restorers: dict[int, RestoringStream] = {}
        self._opened: set[int] = set()
        self.reasons: dict[int, str] = {}
        """How each choice ended, as the engine says it."""

    def write(self, base: int, deltas: list[Delta]) -> bytes:
        """Events of `deltas`, whose choices are numbered from `base`; finish chunks are kept for `finish`."""
        events = self._events
        parts: list[bytes] = []
        for delta in deltas:
            index = base + delta.index
            if index not in self._opened:
                self._opened.add(index)
                parts.append(events.opened(index))
                if self._placeholders:
                    self._restorers[index] = self._placeholders.stream()
            text = delta.text
            if self._restorers:
                restorer = self._restorers[index]
                text = restorer.feed(text)
                if delta.finish_reason is not None:
                    text += restorer.finish()
            if text or delta.logprobs:
                parts.append(events.text(index, text, delta.logprobs))
            if delta.finish_reason is not None:
                self.reasons[index] = delta.finish_reason
        return b"".join(parts)

    def finish(self) -> bytes:
        """The finish chunk of every choice."""
        return b"".join(
            self._events.finished(index, answers.FINISH[reason]) for index, reason in sorted(self.reasons.items())
        )
