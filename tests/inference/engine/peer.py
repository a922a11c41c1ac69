"""A gateway that speaks frames by hand."""

from __future__ import annotations

import asyncio
from pathlib import Path

from inference.engine.frames import FrameReader, FrameType, frame


class RawPeer:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer
        self._frames = FrameReader()
        self._ready: list[tuple[int, FrameType, bytes]] = []

    @classmethod
    async def connect(cls, path: Path) -> RawPeer:
        return cls(*await asyncio.open_unix_connection(str(path)))

    def send(self, stream: int, kind: FrameType, payload: object = None) -> None:
        self.writer.write(frame(stream, kind, payload))

    async def receive(self) -> tuple[int, FrameType, bytes]:
        while not self._ready:
            data = await self._reader.read(65536)
            assert data, "the engine closed the connection"
            self._ready += self._frames.feed(data)
        return self._ready.pop(0)
