"""Several streamed operations read as one: /v1/completions takes many prompts at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from types import TracebackType

from inference.engine.client import EngineFailure
from inference.engine.protocol import Delta, Generated
from inference.gateway.parts import EngineStream

_WAITING = 16
"""Pieces that wait for a slow reader before the streams behind them are paused."""


class Merged:
    """Iterating gives pieces of all `streams` as they come, each with the number of its stream's first choice.

    Leaving the block early cancels what still runs. Raises what the first failing stream raises.
    """

    def __init__(self, streams: Sequence[EngineStream], choices_each: int) -> None:
        self._streams = streams
        self._choices_each = choices_each
        self._stack = AsyncExitStack()
        self._queue: asyncio.Queue[tuple[int, list[Delta]] | EngineFailure | None] = asyncio.Queue(_WAITING)
        self._pumps: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Merged:
        try:
            for stream in self._streams:
                await self._stack.enter_async_context(stream)
        except BaseException:
            await self._stack.aclose()
            raise
        if len(self._streams) > 1:
            pumps = (self._pump(n * self._choices_each, stream) for n, stream in enumerate(self._streams))
            self._pumps = [asyncio.create_task(pump) for pump in pumps]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pump in self._pumps:
            pump.cancel()
        await self._stack.aclose()

    @property
    def results(self) -> list[Generated]:
        """How each stream ended; complete once iterating has."""
        return [stream.result for stream in self._streams if isinstance(stream.result, Generated)]

    def __aiter__(self) -> AsyncIterator[tuple[int, list[Delta]]]:
        return self._all() if self._pumps else self._only(self._streams[0])

    async def _only(self, stream: EngineStream) -> AsyncIterator[tuple[int, list[Delta]]]:
        async for deltas in stream:
            yield 0, deltas

    async def _all(self) -> AsyncIterator[tuple[int, list[Delta]]]:
        running = len(self._pumps)
        while running:
            piece = await self._queue.get()
            if piece is None:
                running -= 1
            elif isinstance(piece, EngineFailure):
                raise piece
            else:
                yield piece

    async def _pump(self, base: int, stream: EngineStream) -> None:
        try:
            async for deltas in stream:
                await self._queue.put((base, deltas))
            await self._queue.put(None)
        except EngineFailure as failure:
            await self._queue.put(failure)
