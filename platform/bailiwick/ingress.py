"""How bytes come in from a caller, as slowly as the application asks for them, and go back, an answer's head with its body.

uvicorn reads ahead: up to 256 KB in one go, before the application has seen the headers. Here the first read is 16 KB, and
the next waits until the application wants the body. So a request that is refused by its headers alone (another region's
key, no key, too long) costs 16 KB and never its body, and nothing of it is kept anywhere.

It also writes an answer's head by itself, a system call of its own for each; here the head waits for the body behind it.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

READ_BYTES = 16 * 1024
_HEAD = b"HTTP/1.1 "
LINGER_S = 1.0

_buffer = bytearray(READ_BYTES)
_view = memoryview(_buffer)
"""One buffer for all connections: the event loop hands it out and takes it back within one callback."""


class Ingress(asyncio.BufferedProtocol):
    """uvicorn's HTTP protocol behind a buffer of our size."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._http = HttpToolsProtocol(*args, **kwargs)
        self.pause_writing = self._http.pause_writing  # type: ignore[method-assign]  # one call less for each
        self.resume_writing = self._http.resume_writing  # type: ignore[method-assign]
        self.connection_lost = self._http.connection_lost  # type: ignore[method-assign]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._http.connection_made(
            cast(asyncio.Transport, _AnswerTransport(self._http, cast(asyncio.Transport, transport)))
        )

    def get_buffer(self, sizehint: int) -> memoryview:
        return _view

    def buffer_updated(self, nbytes: int) -> None:
        http = self._http
        http.data_received(bytes(_view[:nbytes]))
        cycle = http.cycle
        if cycle is not None and cycle.more_body and not cycle.response_complete:
            # The application's next receive() resumes reading.
            http.flow.pause_reading()

    def eof_received(self) -> None:
        self._http.eof_received()


class _AnswerTransport:
    """A transport that joins an answer's head to its body, and whose close does not destroy an answer that was given before
    the request's body was read.

    Closing a socket with unread input sends a reset, which can overtake the answer. So: end our side, leave the input
    unread for a moment while the caller takes the answer, then close.
    """

    def __init__(self, http: HttpToolsProtocol, transport: asyncio.Transport) -> None:
        self._http = http
        self._transport = transport
        self._closing = False
        self._head = b""
        """Written to us and waiting for what follows, within the same turn of the loop."""
        self._loop = asyncio.get_running_loop()
        self.get_extra_info = transport.get_extra_info
        self.pause_reading = transport.pause_reading
        self.abort = transport.abort
        self.set_protocol = transport.set_protocol

    def write(self, data: bytes) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        elif data.startswith(_HEAD):
            self._head = data
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def resume_reading(self) -> None:
        if not self._closing:
            self._transport.resume_reading()

    def is_closing(self) -> bool:
        return self._closing or self._transport.is_closing()

    def close(self) -> None:
        if self.is_closing():
            return
        self._closing = True
        self._flush()
        cycle = self._http.cycle
        if cycle is None or not cycle.more_body or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._transport.pause_reading()
        self._transport.write_eof()
        self._loop.call_later(LINGER_S, self._transport.close)
