"""One connection of a gateway to an engine: cuts frames, finds each one's handler, joins the writes of a loop turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import msgspec

from inference.engine.frames import (
    HEADER,
    MAX_FRAME_BYTES,
    FrameType,
    decode_error,
    decode_result,
    frame,
)
from inference.engine.protocol import (
    EngineError,
    Request,
    Result,
)

_LAST_NUMBER = 0xFFFF_FFFF
_CHUNK, _END, _ERR = FrameType.CHUNK.value, FrameType.END.value, FrameType.ERR.value


class EngineFailure(Exception):
    """The engine answered with `error`, or could not be reached (503, code `engine_unavailable`)."""

    def __init__(self, error: EngineError) -> None:
        super().__init__(error.code)
        self.error = error


class Handler(Protocol):
    """Takes what comes for one request: any number of chunks and then one end or one failure."""

    def chunk(self, payload: memoryview) -> None: ...

    def end(self, result: Result) -> None: ...

    def fail(self, failure: EngineFailure) -> None: ...


class Link(asyncio.Protocol):
    """Belongs to one event loop; made by its `create_unix_connection`."""

    def __init__(self, lost: Callable[[], None]) -> None:
        """`lost` is called when the connection is gone, after everything open on it has failed."""
        self.loop = asyncio.get_running_loop()
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._handlers: dict[int, Handler | None] = {}
        """By stream number; None for a cancelled request whose terminal frame is still to come."""
        self._next = 1
        self._rest = bytearray()
        self._needed = 0
        self._out: list[bytes] = []

    def open(self, handler: Handler, request: Request) -> int:
        """Sends a request; its answer goes to `handler`. Raises EngineFailure when the connection has just been lost."""
        if self._transport is None:
            raise unavailable()
        number = self._next
        while number in self._handlers:
            number = 1 if number == _LAST_NUMBER else number + 1
        self._next = 1 if number == _LAST_NUMBER else number + 1
        data = frame(number, FrameType.REQ, request)
        if len(data) > MAX_FRAME_BYTES:
            raise EngineFailure(
                EngineError(413, "request_too_large", "the request is too large for the engine; send less at once")
            )
        self._handlers[number] = handler
        self._write(data)
        return number

    def cancel(self, number: int, handler: Handler) -> None:
        """Gives a request up; what still comes for it is dropped."""
        if self._handlers.get(number) is handler:
            self._handlers[number] = None
            self._write(frame(number, FrameType.CANCEL))

    def grant(self, number: int, handler: Handler, chunks: int) -> None:
        if self._handlers.get(number) is handler:
            self._write(frame(number, FrameType.CREDIT, chunks))

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # stream sockets always give a Transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        handlers, self._handlers = self._handlers, {}
        for handler in handlers.values():
            if handler is not None:
                handler.fail(unavailable())
        self._lost()

    def data_received(self, data: bytes) -> None:
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return
            data = bytes(self._rest)
            self._rest.clear()
        try:
            used = self._frames(data)
        except (msgspec.DecodeError, ValueError):
            self.abort()  # the two ends no longer agree where a frame begins
            return
        if used < len(data):
            self._rest += data[used:]

    def _frames(self, data: bytes) -> int:
        """Handles the whole frames in `data`; returns the bytes used."""
        view = memoryview(data)
        size, start, head = len(data), 0, HEADER.size
        handlers = self._handlers
        while size - start >= head:
            length, number, kind = HEADER.unpack_from(data, start)
            if not 5 <= length <= MAX_FRAME_BYTES:
                raise ValueError("frame length out of bounds")
            end = start + 4 + length
            if end > size:
                self._needed = end - start
                return start
            payload = view[start + head : end]
            start = end
            if kind == _CHUNK:
                handler = handlers.get(number)
                if handler is not None:
                    handler.chunk(payload)
                continue
            handler = handlers.pop(number, None)
            if handler is None:
                continue
            if kind == _END:
                handler.end(decode_result(payload))
            elif kind == _ERR:
                handler.fail(EngineFailure(decode_error(payload)))
            else:
                raise ValueError("an engine sends only CHUNK, END and ERR")
        self._needed = head
        return start

    def _write(self, data: bytes) -> None:
        if not self._out:
            self.loop.call_soon(self._flush)
        self._out.append(data)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._transport is not None:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))


def unavailable() -> EngineFailure:
    """What a request gets while there is no connection."""
    return EngineFailure(
        EngineError(
            503, "engine_unavailable", "the inference engine is not reachable; try again shortly", retry_after_s=1.0
        )
    )
