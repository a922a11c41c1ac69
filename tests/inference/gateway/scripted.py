"""An engine whose answers a test can foresee: real frames on a real socket, the text decides what happens.

A call is answered with its last text, ``n`` times. These words at the start of the text do something else:
``!refuse STATUS`` fails with that status, ``!wait`` answers only when cancelled, ``!half`` streams two pieces and then loses the
connection, ``!fail-late`` streams two pieces and then fails, ``!reason WORD`` ends with that finish reason.
Of texts to tag, `NAMES` are persons, unless `tagging` says how else to answer.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

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
    EngineError,
    Generate,
    Generated,
    ListModels,
    ModelInfo,
    Models,
    Tag,
    Tagged,
    Timings,
    TokenLogprob,
)

CHAT, EMBEDDING, TAGGER = "scripted", "scripted-embedding", "scripted-names"
NAMES, LABELS = frozenset({"Huber", "Meier"}), ["O", "S-PER"]
EMBEDDED, GENERATED = Timings(0.25, 0.5), Timings(0.25, 0.5, 1.5)
"""What it says that its answers took; no clock ran."""
PIECE = 3
"""Characters of a streamed piece."""


class ScriptedEngine:
    def __init__(self) -> None:
        self.requests: list[Generate | Embed] = []
        self.received = bytearray()
        """Everything that came over its socket, as it came."""
        self.cancelled: list[str] = []
        self.tagged: list[Tag] = []
        self.tagging: Callable[[Tag], Tagged | EngineError | None] = tags
        """None is no answer."""
        self.connections: list[Any] = []

    def connect(self) -> asyncio.Protocol:
        return _Connection(self)

    @property
    def last(self) -> Any:
        return self.requests[-1]


@contextmanager
def listening(path: Path) -> Iterator[ScriptedEngine]:
    """An engine at `path`, on a thread of its own. Nothing listens there any more when the block is left."""
    engine, loop, ready = ScriptedEngine(), asyncio.new_event_loop(), threading.Event()

    async def serve(stopping: asyncio.Event) -> None:
        async with await loop.create_unix_server(engine.connect, str(path)):
            ready.set()
            await stopping.wait()
            for transport in engine.connections:
                transport.abort()

    stopping = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve(stopping)), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield engine
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(10)
        loop.close()
        path.unlink(missing_ok=True)


class _Connection(asyncio.Protocol):
    def __init__(self, engine: ScriptedEngine) -> None:
        self._engine = engine
        self._reader = FrameReader()
        self._running: dict[int, str] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._engine.connections.append(transport)

    def data_received(self, data: bytes) -> None:
        self._engine.received += data
        for stream, kind, payload in self._reader.feed(data):
            if kind is FrameType.REQ:
                self._answer(stream, decode_request(payload))
            elif kind is FrameType.CANCEL and stream in self._running:
                self._engine.cancelled.append(self._running.pop(stream))
                self._fail(stream, 499, "cancelled")

    def _send(self, stream: int, kind: FrameType, payload: object) -> None:
        self._transport.write(frame(stream, kind, payload))

    def _fail(self, stream: int, status: int, code: str) -> None:
        self._send(stream, FrameType.ERR, EngineError(status, code, "the script says so"))

    def _answer(self, stream: int, request: object) -> None:
        if isinstance(request, ListModels):
            cards = [
                ModelInfo(CHAT, "chat", "Scripted", 1, 4096, "0" * 64, 1.0),
                ModelInfo(EMBEDDING, "embedding", "Scripted", 1, 512, "0" * 64, 1.0),
                ModelInfo(TAGGER, "tagging", "Scripted", 1, 512, "0" * 64, 1.0, labels=LABELS),
            ]
            self._send(stream, FrameType.END, Models(cards))
        elif isinstance(request, Embed):
            self._engine.requests.append(request)
            width = request.dimensions or 4
            rows = np.arange(len(request.inputs) * width, dtype="<f4") / 8
            self._send(
                stream, FrameType.END, Embedded(3 * len(request.inputs), width, rows.tobytes(), timings=EMBEDDED)
            )
        elif isinstance(request, Tag):
            self._engine.tagged.append(request)
            outcome = self._engine.tagging(request)
            if outcome is not None:
                kind = FrameType.ERR if isinstance(outcome, EngineError) else FrameType.END
                self._send(stream, kind, outcome)
        elif isinstance(request, Generate):
            self._engine.requests.append(request)
            self._generate(stream, request)

    def _generate(self, stream: int, request: Generate) -> None:
        text = request.messages[-1].content if request.messages else _as_text(request.prompt)
        word, _, rest = text.partition(" ")
        reason: Any = "stop"
        if word == "!refuse":
            self._fail(stream, int(rest), "refused")
            return
        if word == "!wait":
            self._running[stream] = request.request
            return
        if word == "!reason":
            reason = rest
        n = request.sampling.n
        if not request.stream:
            logprobs = None if request.sampling.logprobs is None else [_logprob("a"), _logprob("b")]
            choices = [Choice(index, text, reason, logprobs) for index in range(n)]
            self._send(stream, FrameType.END, Generated(7, 5 * n, choices, timings=GENERATED))
            return
        pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
        if word in ("!half", "!fail-late"):
            for piece in pieces[:2]:
                self._send(stream, FrameType.CHUNK, [Delta(0, piece, 1)])
            then = self._transport.abort if word == "!half" else partial(self._fail, stream, 500, "broken")
            asyncio.get_running_loop().call_later(0.1, then)
            return
        for piece in pieces:
            logprobs = None if request.sampling.logprobs is None else [_logprob(piece)]
            self._send(stream, FrameType.CHUNK, [Delta(index, piece, 1, None, logprobs) for index in range(n)])
        self._send(stream, FrameType.CHUNK, [Delta(index, "", 0, reason) for index in range(n)])
        self._send(stream, FrameType.END, Generated(7, 5 * n, timings=GENERATED))


def tags(request: Tag) -> Tagged:
    found = [
        [(*match.span(), number, match[0] in NAMES) for number, match in enumerate(re.finditer(r"\w+", text))]
        for text in request.inputs
    ]
    rows = [[0.0, 9.0] if is_name else [9.0, 0.0] for words in found for *_, is_name in words]
    places = [place for words in found for *place, _ in words]
    return Tagged(
        len(rows),
        LABELS,
        [len(words) for words in found],
        np.array(rows, dtype="<f4").tobytes(),
        np.array(places, dtype="<i4").tobytes(),
    )


def _as_text(prompt: str | list[int] | None) -> str:
    return prompt if isinstance(prompt, str) else str(prompt)


def _logprob(token: str) -> TokenLogprob:
    return TokenLogprob(
        token, 1, -0.5, list(token.encode()), [TokenLogprob(token, 1, -0.5), TokenLogprob("z", 2, float("-inf"))]
    )
