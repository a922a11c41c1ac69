"""The load of `test_overload`, in a process of its own: the gateway it asks runs in the test's.

An open loop on bare sockets. A client library of milliseconds a request falls behind its own clock at this rate, and what it then
measures is itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import uvloop

TOKENS = 48
REALTIME_SHARE = 0.05
CAPACITY_S = 5.0
PATIENCE_S = 60.0
"""Past this an answer is counted as one that never came."""


@dataclass(slots=True)
class Seen:
    statuses: Counter[tuple[int, str]] = field(default_factory=Counter)
    """By HTTP status and the error's code; status 0 for a connection that ended without one."""
    without_retry_after: int = 0
    realtime_asked: int = 0
    realtime_first_s: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)
    """How long after its time each request was sent."""


class _Request(asyncio.Protocol):
    """One request on a connection of its own, as from callers who do not know each other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._began = perf_counter()
        self._answer = bytearray()
        self.first_s: float | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self._data)  # type: ignore[attr-defined]  # it is a socket's transport

    def data_received(self, data: bytes) -> None:
        if self.first_s is None and b'"content":"' in data.replace(b'"content":""', b""):
            self.first_s = perf_counter() - self._began
        self._answer += data

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    @property
    def outcome(self) -> tuple[int, str]:
        head, _, body = bytes(self._answer).partition(b"\r\n\r\n")
        if not head:
            return 0, "no answer"
        status = int(head[9:12])
        if status != 200:
            return status, json.loads(body)["error"]["code"]
        if not body.endswith(b"0\r\n\r\n"):
            return 200, "cut off"
        return 200, "error in stream" if b'"error"' in body else ""

    @property
    def has_retry_after(self) -> bool:
        return b"\r\nretry-after: " in self._answer


async def ask(port: int, key: str, lane: str, seen: Seen) -> None:
    body = json.dumps(
        {
            "model": "endless",
            "messages": [{"role": "user", "content": "go on"}],
            "max_tokens": TOKENS,
            "stream": True,
        }
    )
    data = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
        f"x-bailiwick-lane: {lane}\r\nContent-Type: application/json\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
    loop = asyncio.get_running_loop()
    transport, request = await loop.create_connection(lambda: _Request(data), "127.0.0.1", port)
    try:
        await asyncio.wait_for(request.ended, PATIENCE_S)
    except TimeoutError:
        transport.abort()
        seen.statuses[0, "never ended"] += 1
        return
    status, code = request.outcome
    seen.realtime_asked += lane == "realtime"
    seen.statuses[status, code] += 1
    seen.without_retry_after += status in (429, 503) and not request.has_retry_after
    if lane == "realtime" and request.first_s is not None:
        seen.realtime_first_s.append(request.first_s)


async def capacity(port: int, keys: list[str]) -> float:
    """Requests a second that are answered when as many run as can."""
    seen = Seen()
    began = perf_counter()

    async def loop(key: str) -> None:
        while perf_counter() < began + CAPACITY_S:
            await ask(port, key, "standard", seen)

    await asyncio.gather(*(loop(keys[i % len(keys)]) for i in range(14)))
    return seen.statuses[200, ""] / (perf_counter() - began)


async def run(port: int, keys: list[str], seconds: float, engine_pid: int) -> tuple[float, Seen]:
    able = await capacity(port, keys)
    seen = Seen()
    draw = random.Random(1)
    began = perf_counter()
    due, tasks = began, []
    while due < began + seconds:
        await asyncio.sleep(max(0.0, due - perf_counter()))
        seen.late_s.append(perf_counter() - due)
        lane = "realtime" if draw.random() < REALTIME_SHARE else draw.choice(("standard", "standard", "batch"))
        tasks.append(asyncio.ensure_future(ask(port, draw.choice(keys), lane, seen)))
        due += draw.expovariate(3 * able)
        if len(tasks) % 50 == 0:
            seen.memory_mb.append(resident_mb(engine_pid))
    await asyncio.gather(*tasks)
    return able, seen


def drive(port: int, keys: list[str], seconds: float, engine_pid: int) -> tuple[float, Seen]:
    """Requests a second that the engine is able to, and what three times as many in `seconds` saw."""
    return uvloop.run(run(port, keys, seconds, engine_pid))


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
