"""The gateway's end of the engine socket: many requests at once on one connection, no thread, no queue object.

    client = EngineClient("/run/engine.sock")
    result = await client.call(Embed(...))
    async with client.stream(Generate(..., stream=True)) as stream:
        async for deltas in stream:
            ...
    stream.result

Imports the protocol and nothing else of the engine, so a web process stays small.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType

from inference.engine.frames import (
    INITIAL_CREDIT,
    decode_chunk,
)
from inference.engine.link import EngineFailure, Link, unavailable
from inference.engine.protocol import (
    Delta,
    Generate,
    Request,
    Result,
)

__all__ = ["EngineClient", "EngineFailure", "EngineStream"]

CONNECT_WAIT_S = 0.5
"""A request made while the engine is away waits this long for it to come back."""
ANSWER_S = 5.0
"""An engine answers a question about itself between two steps; one that takes longer hangs."""
FIRST_BACKOFF_S = 0.05
LONGEST_BACKOFF_S = 2.0
_GRANT_AT = INITIAL_CREDIT // 2


class EngineClient:
    """One connection to one engine, opened at first use and again, with growing pauses, whenever it is lost.

    Belongs to one event loop.
    """

    def __init__(self, socket_path: str | Path) -> None:
        self._path = str(socket_path)
        self._link: Link | None = None
        self._linked = asyncio.Event()
        self._connecting: asyncio.Task[None] | None = None
        self._closed = False

    async def call(self, request: Request) -> Result:
        """The request's result. Raises EngineFailure; when the caller is cancelled, the request is too.

        Raises ValueError for a streaming request, whose text nobody would read.
        """
        if type(request) is Generate and request.stream:
            raise ValueError("a streaming request is read with `stream`")
        link = self._link or await self._connect()
        answer: asyncio.Future[Result] = link.loop.create_future()
        handler = _Call(answer)
        number = link.open(handler, request)
        try:
            return await answer
        except asyncio.CancelledError:
            link.cancel(number, handler)
            raise

    async def ask(self, question: Request, within_s: float = ANSWER_S) -> Result:
        """The answer to a question about the engine itself. Raises EngineFailure, also when none comes in time."""
        try:
            async with asyncio.timeout(within_s):
                return await self.call(question)
        except TimeoutError:
            raise unavailable() from None

    def stream(self, request: Request) -> EngineStream:
        """An answer to read as it comes; to be used with `async with`. For requests made with `stream=True`."""
        return EngineStream(self, request)

    async def close(self) -> None:
        """Closes the connection; what is open on it fails as unavailable."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        if self._link is not None:
            self._link.abort()

    async def _connect(self) -> Link:
        """The open link, waiting a little for one. Raises EngineFailure when there is none by then."""
        if self._closed:
            raise unavailable()
        if self._connecting is None:
            self._connecting = asyncio.get_running_loop().create_task(self._reconnect())
        try:
            await asyncio.wait_for(self._linked.wait(), CONNECT_WAIT_S)
        except TimeoutError:
            raise unavailable() from None
        if self._link is None:
            raise unavailable()
        return self._link

    async def _reconnect(self) -> None:
        pause = FIRST_BACKOFF_S
        while True:
            try:
                _, link = await asyncio.get_running_loop().create_unix_connection(lambda: Link(self._lost), self._path)
            except OSError:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_BACKOFF_S)
            else:
                self._link = link
                self._linked.set()
                self._connecting = None
                return

    def _lost(self) -> None:
        """Called by the link when its connection is gone."""
        self._link = None
        self._linked.clear()
        if not self._closed:
            self._connecting = asyncio.get_running_loop().create_task(self._reconnect())


class EngineStream:
    """An answer as it comes. Iterating gives lists of deltas: everything that arrived since the last turn.

    Leaving the `async with` block before the end cancels the request. Raises EngineFailure when it ends with an error.
    """

    __slots__ = ("_client", "_error", "_link", "_number", "_pending", "_request", "_taken", "_waiter", "result")

    def __init__(self, client: EngineClient, request: Request) -> None:
        self._client = client
        self._request = request
        self._link: Link | None = None
        self._number = 0
        self._pending: list[Delta] = []
        self._taken = 0
        self._waiter: asyncio.Future[None] | None = None
        self._error: EngineFailure | None = None
        self.result: Result | None = None
        """Set when the answer has ended well."""

    async def __aenter__(self) -> EngineStream:
        self._link = self._client._link or await self._client._connect()
        self._number = self._link.open(self, self._request)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.result is None and self._error is None and self._link is not None:
            self._link.cancel(self._number, self)

    def __aiter__(self) -> EngineStream:
        return self

    async def __anext__(self) -> list[Delta]:
        link = self._link
        if link is None:
            raise RuntimeError("a stream is read inside its `async with` block")
        while not self._pending:
            if self._error is not None:
                raise self._error
            if self.result is not None:
                raise StopAsyncIteration
            self._waiter = link.loop.create_future()
            await self._waiter
        deltas, self._pending = self._pending, []
        # Credit goes back when the reader has taken the text, not when it arrived: the reader's pace is what counts.
        if self._taken >= _GRANT_AT and self.result is None:
            link.grant(self._number, self, self._taken)
            self._taken = 0
        return deltas

    def chunk(self, payload: memoryview) -> None:
        self._pending += decode_chunk(payload)
        self._taken += 1
        self._wake()

    def end(self, result: Result) -> None:
        self.result = result
        self._wake()

    def fail(self, failure: EngineFailure) -> None:
        self._error = failure
        self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


class _Call:
    """A request whose answer comes in one piece."""

    __slots__ = ("_answer",)

    def __init__(self, answer: asyncio.Future[Result]) -> None:
        self._answer = answer

    def chunk(self, payload: memoryview) -> None:
        raise ValueError("a piece of an answer that was asked for as a whole")

    def end(self, result: Result) -> None:
        if not self._answer.done():
            self._answer.set_result(result)

    def fail(self, failure: EngineFailure) -> None:
        if not self._answer.done():
            self._answer.set_exception(failure)
