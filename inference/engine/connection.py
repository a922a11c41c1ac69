"""One gateway's connection to the engine: frames in, frames out, a credit account for each stream."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from inference.engine.frames import (
    INITIAL_CREDIT,
    MAX_FRAME_BYTES,
    FrameReader,
    FrameType,
    ProtocolError,
    decode_credit,
    decode_request,
    frame,
)
from inference.engine.protocol import (
    Delta,
    EngineError,
    Result,
    TokenLogprob,
)

if TYPE_CHECKING:
    from inference.engine.cascade import Attempt
    from inference.engine.server import Server
    from inference.engine.worker import AnyJob

MAX_STREAMS = 4096
"""Open streams of one connection; one more is refused."""
MAX_PENDING_CHARS = 256 * 1024
"""Text a stream without credit may pile up before its request pauses."""
STALL_S = 30.0
"""A stream whose reader takes nothing for this long is ended."""
READ_BYTES = 64 * 1024
MAX_WRITE_BUFFER_BYTES = 64 * 1024 * 1024
"""A connection whose peer leaves this much unread is dropped."""

Outbox = deque[tuple["Stream | Attempt", list[Delta] | Result | EngineError]]
"""What the step thread has for the loop thread."""


class Stream:
    """One request on a connection. Is the request's sink; everything but `send` and `finish` belongs to the loop thread."""

    __slots__ = (
        "_pending",
        "_pending_chars",
        "_stall",
        "cancelled",
        "connection",
        "credit",
        "job",
        "number",
        "outbox",
        "outcome",
    )

    def __init__(self, connection: Connection, number: int, outbox: Outbox) -> None:
        self.connection = connection
        self.number = number
        self.credit = INITIAL_CREDIT
        self.cancelled = False
        self.outcome: Result | EngineError | None = None
        self.job: AnyJob | None = None
        """None until the request was read, and for requests that compute nothing."""
        self.outbox = outbox
        self._pending: list[Delta] = []
        self._pending_chars = 0
        self._stall: asyncio.TimerHandle | None = None

    def send(self, deltas: list[Delta]) -> None:
        self.outbox.append((self, deltas))

    def finish(self, outcome: Result | EngineError) -> None:
        self.outbox.append((self, outcome))

    def take(self, event: list[Delta] | Result | EngineError) -> None:
        """Takes an event in; `flush` writes what may be written."""
        if isinstance(event, list):
            if self.cancelled:
                return  # nobody reads it any more
            self._pending += event
            self._pending_chars += sum(len(delta.text) for delta in event)
        else:
            self.outcome = event

    def grant(self, chunks: int) -> None:
        """The reader is ready for more."""
        was_full = self._pending_chars > MAX_PENDING_CHARS
        self.credit += chunks
        self.flush()
        if was_full and self._pending_chars <= MAX_PENDING_CHARS:
            self.connection.server.pause(self, False)

    def flush(self) -> None:
        """Writes one chunk if there is text and credit, then the terminal frame if all text is out."""
        if self._pending and self.credit > 0:
            self.credit -= 1
            self.connection.write(frame(self.number, FrameType.CHUNK, _coalesce(self._pending)))
            self._pending = []
            self._pending_chars = 0
            self._watch(False)
        # An error goes out at once: what was still unread is of no use any more.
        if self.outcome is not None and (not self._pending or isinstance(self.outcome, EngineError)):
            self._watch(False)
            self.connection.end(self)
        elif self._pending:
            self._watch(True)
            if self._pending_chars > MAX_PENDING_CHARS:
                self.connection.server.pause(self, True)

    def cancel(self) -> None:
        """Nobody wants the answer any more; only its terminal frame is still owed."""
        self.cancelled = True
        self._pending = []
        self._pending_chars = 0
        self._watch(False)
        if self.outcome is None:
            self.connection.server.cancel(self)
        else:
            self.flush()

    def _watch(self, waiting: bool) -> None:
        """Runs the stall clock while text waits for credit."""
        if waiting and self._stall is None:
            self._stall = asyncio.get_running_loop().call_later(STALL_S, self._stalled)
        elif not waiting and self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _stalled(self) -> None:
        self._stall = None
        error = EngineError(499, "reader_stalled", f"the answer was not read for {STALL_S:.0f} seconds")
        if self.outcome is None:
            self.connection.server.cancel(self, error)
        else:
            self.outcome = error
            self.flush()


class Connection(asyncio.BufferedProtocol):
    """Reads frames and hands requests to the server; writes of one round go out in one piece.

    What is read lies in a buffer of its own, which is zeroed as soon as the frames are cut out of it.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.streams: dict[int, Stream] = {}
        self._reader = FrameReader()
        self._buffer = bytearray(READ_BYTES)
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # stream sockets always give a Transport
        self.server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.server.connections.discard(self)
        streams, self.streams = self.streams, {}
        for stream in streams.values():
            stream.cancel()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        try:
            frames = self._reader.feed(memoryview(self._buffer)[:nbytes])
            for number, kind, payload in frames:
                self._frame(number, kind, payload)
        except (ProtocolError, msgspec.DecodeError):
            self.close()  # the two ends no longer agree where a frame begins; the loss ends every stream
        finally:
            self._buffer[:nbytes] = bytes(nbytes)
        self.flush()

    def _frame(self, number: int, kind: FrameType, payload: bytes) -> None:
        stream = self.streams.get(number)
        if kind is FrameType.REQ:
            if stream is not None:
                raise ProtocolError("a stream id was used twice")
            self._open(number, payload)
        elif kind is FrameType.CANCEL:
            if stream is not None and not stream.cancelled:
                stream.cancel()
        elif kind is FrameType.CREDIT:
            if stream is not None:
                stream.grant(decode_credit(payload))
        else:
            raise ProtocolError("a gateway sends only REQ, CANCEL and CREDIT")

    def _open(self, number: int, payload: bytes) -> None:
        if len(self.streams) >= MAX_STREAMS:
            error = EngineError(
                503, "engine_overloaded", "too many requests are open; try again later", retry_after_s=1.0
            )
            self.write(frame(number, FrameType.ERR, error))
            return
        try:
            request = decode_request(payload)
        except (msgspec.ValidationError, msgspec.DecodeError):
            # The decoder's message may quote the request.
            error = EngineError(400, "invalid_request", "the engine does not understand this request; check its fields")
            self.write(frame(number, FrameType.ERR, error))
            return
        stream = self.streams[number] = Stream(self, number, self.server.outbox)
        self.server.handle(stream, request)

    def end(self, stream: Stream) -> None:
        """Writes a stream's terminal frame, once, and forgets the stream."""
        if self.streams.pop(stream.number, None) is not None:
            outcome = stream.outcome
            kind = FrameType.ERR if isinstance(outcome, EngineError) else FrameType.END
            data = frame(stream.number, kind, outcome)
            if len(data) - 4 > MAX_FRAME_BYTES:
                error = EngineError(
                    400, "answer_too_large", "the answer is too large for one message; ask for less at once"
                )
                data = frame(stream.number, FrameType.ERR, error)
            self.write(data)

    def write(self, data: bytes) -> None:
        self._out.append(data)

    def flush(self) -> None:
        """Sends what was written since the last flush."""
        out, self._out = self._out, []
        if out and self._transport is not None:
            self._transport.write(b"".join(out))
            if self._transport.get_write_buffer_size() > MAX_WRITE_BUFFER_BYTES:
                self._transport.abort()

    def close(self) -> None:
        """Closes after what was written has been sent."""
        self.flush()
        if self._transport is not None:
            self._transport.close()


def _coalesce(deltas: list[Delta]) -> list[Delta]:
    """One delta a choice, in the order of first appearance."""
    if len(deltas) == 1:
        return deltas
    by_choice: dict[int, list[Delta]] = {}
    for delta in deltas:
        by_choice.setdefault(delta.index, []).append(delta)
    return [_join(index, parts) for index, parts in by_choice.items()]


def _join(index: int, parts: list[Delta]) -> Delta:
    if len(parts) == 1:
        return parts[0]
    logprobs: list[TokenLogprob] = [logprob for part in parts for logprob in part.logprobs or ()]
    return Delta(
        index,
        "".join(part.text for part in parts),
        sum(part.tokens for part in parts),
        parts[-1].finish_reason,
        logprobs or None,
    )
