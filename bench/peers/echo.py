"""An engine's stand-in of fixed cost, for both kinds of gateway: frames on a Unix socket, and OpenAI's HTTP.

``python -m bench.peers.echo SOCKET PORT``. A plain call is answered at once with the prompt's last text; a stream gives that
text in `PIECES` pieces, `EVERY_S` apart. Over HTTP the answers are made beforehand: what is measured is who asks.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import uvloop

from inference.engine.frames import (
    FrameReader,
    FrameType,
    decode_request,
    frame,
)
from inference.engine.protocol import (
    Choice,
    Delta,
    Embed,
    Embedded,
    Generate,
    Generated,
    ListModels,
    ModelInfo,
    Models,
)

PIECES = 64
EVERY_S = 0.005
MODEL = "echo"
DIMENSIONS = 384
TEXT = "The quick brown fox jumps over the lazy dog, and then it does so again. " * 4


def pieces(text: str) -> list[str]:
    """`text` in at most `PIECES` pieces of about one length."""
    size = max(1, -(-len(text) // PIECES))
    return [text[start : start + size] for start in range(0, len(text), size)]


class Frames(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._reader = FrameReader()
        self._streams: dict[int, asyncio.Task[None]] = {}

    def data_received(self, data: bytes) -> None:
        out = []
        for stream, kind, payload in self._reader.feed(data):
            if kind is FrameType.REQ:
                out.append(self._answer(stream, payload))
            elif kind is FrameType.CANCEL and (task := self._streams.pop(stream, None)):
                task.cancel()
                out.append(frame(stream, FrameType.END, Generated(prompt_tokens=0, completion_tokens=0)))
        self._transport.write(b"".join(out))

    def _answer(self, stream: int, payload: bytes) -> bytes:
        request = decode_request(payload)
        if isinstance(request, Generate):
            text = request.messages[-1].content if request.messages else str(request.prompt)
            if request.stream:
                self._streams[stream] = asyncio.get_running_loop().create_task(self._stream(stream, text))
                return b""
            choices = [Choice(index=0, text=text, finish_reason="stop")]
            return frame(stream, FrameType.END, Generated(prompt_tokens=64, completion_tokens=64, choices=choices))
        if isinstance(request, Embed):
            data = bytes(4 * DIMENSIONS * len(request.inputs))
            return frame(stream, FrameType.END, Embedded(prompt_tokens=64, dimensions=DIMENSIONS, data=data))
        if isinstance(request, ListModels):
            card = ModelInfo(MODEL, "chat", "Echo", 0, 1 << 20, "0" * 64, 0.0)
            return frame(stream, FrameType.END, Models([card]))
        raise ValueError("an echo serves only models, chat and embeddings")

    async def _stream(self, stream: int, text: str) -> None:
        made = pieces(text)
        for piece in made:
            self._transport.write(frame(stream, FrameType.CHUNK, [Delta(0, piece, 1)]))
            await asyncio.sleep(EVERY_S)
        last = frame(stream, FrameType.CHUNK, [Delta(0, "", 0, "stop")])
        self._transport.write(
            last + frame(stream, FrameType.END, Generated(prompt_tokens=64, completion_tokens=len(made)))
        )
        self._streams.pop(stream, None)


class Http(asyncio.Protocol):
    """Answers every POST with the same completion, or with the same stream if the body asks for one."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._buffer = bytearray()
        self._task: asyncio.Task[None] | None = None

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        while (head := buffer.find(b"\r\n\r\n")) >= 0:
            found = bytes(buffer[:head]).lower().find(b"content-length: ")
            size = int(bytes(buffer[found + 16 : head]).split(b"\r", 1)[0]) if found >= 0 else 0
            if len(buffer) < head + 4 + size:
                return
            body = bytes(buffer[head + 4 : head + 4 + size])
            del buffer[: head + 4 + size]
            if b'"stream":true' in body or b'"stream": true' in body:
                self._task = asyncio.get_running_loop().create_task(self._stream())
            else:
                self._transport.write(_PLAIN)

    async def _stream(self) -> None:
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for chunk in _CHUNKS:
            self._transport.write(chunk)
            await asyncio.sleep(EVERY_S)
        self._transport.write(_LAST)


def _event(delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    event = {"id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [choice]}
    return b"data: %b\n\n" % json.dumps(event, separators=(",", ":")).encode()


def _chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_message = {"role": "assistant", "content": TEXT}
_answer = {
    "id": "chatcmpl-0",
    "object": "chat.completion",
    "created": 1,
    "model": MODEL,
    "choices": [{"index": 0, "message": _message, "logprobs": None, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 64, "completion_tokens": 64, "total_tokens": 128},
}
_body = json.dumps(_answer, separators=(",", ":")).encode()
_PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(_body), _body)
_CHUNKS = [_chunked(_event({"role": "assistant", "content": ""}, None))]
_CHUNKS += [_chunked(_event({"content": piece}, None)) for piece in pieces(TEXT)]
_LAST = _chunked(_event({}, "stop")) + _chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n"


async def serve(socket: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    # A server that nobody refers to is collected, and with it its socket.
    servers = [await loop.create_unix_server(Frames, socket), await loop.create_server(Http, "127.0.0.1", port)]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
