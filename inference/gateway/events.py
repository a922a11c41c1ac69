"""Streamed answers as server-sent events, byte for byte in OpenAI's shapes.

The parts of a chunk that stay the same are made once a stream: a chunk then costs one JSON string and one join.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from inference.engine.protocol import Delta, TokenLogprob
from inference.gateway import answers
from inference.gateway.calls import Argued, Opened, Said
from inference.gateway.errors import ApiError
from inference.gateway.replies import Reply, ReplyMaker

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

    def call_opened(self, index: int, call: Opened) -> bytes:
        """A tool call begins; completions have none."""
        raise NotImplementedError

    def call_argued(self, index: int, piece: Argued) -> bytes:
        """A piece of a call's arguments."""
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

    def call_opened(self, index: int, call: Opened) -> bytes:
        opened = {
            "index": call.index,
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }
        return self._call(index, opened)

    def call_argued(self, index: int, piece: Argued) -> bytes:
        return self._call(index, {"index": piece.index, "function": {"arguments": piece.text}})

    def _call(self, index: int, call: dict[str, object]) -> bytes:
        return b'%b{"index":%d,"delta":{"tool_calls":[%b]},"logprobs":null,"finish_reason":null}%b' % (
            self._head,
            index,
            _json(call),
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

    def __init__(self, events: Events, make: ReplyMaker | None) -> None:
        self._events = events
        self._make = make
        self._replies: dict[int, Reply] = {}
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
                if self._make is not None:
                    self._replies[index] = self._make()
            if self._replies:
                parts += self._replied(index, delta)
            elif delta.text or delta.logprobs:
                parts.append(events.text(index, delta.text, delta.logprobs))
            if delta.finish_reason is not None:
                self.reasons[index] = delta.finish_reason
        return b"".join(parts)

    async def write_in_turns(self, base: int, deltas: list[Delta]) -> bytes:
        """`write` where the text is looked through, which costs time: pieces may have piled up, so others take turns."""
        parts = []
        for delta in deltas:
            parts.append(self.write(base, [delta]))
            await asyncio.sleep(0)
        return b"".join(parts)

    def reason(self, index: int) -> str | None:
        """How a choice ended, in OpenAI's words; None if there is no such choice."""
        if index not in self.reasons:
            return None
        reply = self._replies.get(index)
        return answers.finish_reason(self.reasons[index], reply is not None and reply.called)

    def finish(self) -> bytes:
        """The finish chunk of every choice."""
        return b"".join(self._events.finished(index, self.reason(index) or "stop") for index in sorted(self.reasons))

    def _replied(self, index: int, delta: Delta) -> list[bytes]:
        events, reply = self._events, self._replies[index]
        pieces = reply.feed(delta.text)
        if delta.finish_reason is not None:
            pieces += reply.finish()
        said = "".join(piece.text for piece in pieces if isinstance(piece, Said))
        # Text comes before calls, and log-probabilities belong to the text as a whole.
        parts = [events.text(index, said, delta.logprobs)] if said or delta.logprobs else []
        for piece in pieces:
            if isinstance(piece, Opened):
                parts.append(events.call_opened(index, piece))
            elif isinstance(piece, Argued) and piece.text:
                parts.append(events.call_argued(index, piece))
        return parts
