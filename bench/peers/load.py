"""A closed-loop HTTP/1.1 client on bare sockets, run in a process of its own: ``python -m bench.peers.load`` reads its orders
as one JSON object from standard input, prints ``start`` when the measured time begins and one JSON object at its end.

It costs a few microseconds a request, so that it can drive a gateway far beyond what the gateway can do.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass, field
from statistics import median, quantiles
from time import perf_counter

import uvloop


@dataclass(frozen=True, slots=True)
class Orders:
    port: int
    body: str
    connections: int
    seconds: float
    warm_up_s: float
    path: str = "/v1/chat/completions"
    token: str = ""


@dataclass(slots=True)
class Tally:
    """What was seen in the measured time. Latencies in seconds."""

    requests: int = 0
    chunks: int = 0
    """Server-sent events that carried text."""
    errors: int = 0
    seconds: float = 0.0
    p50_s: float = 0.0
    p99_s: float = 0.0
    latencies: list[float] = field(default_factory=list)

    def close(self, seconds: float) -> None:
        self.seconds = seconds
        if self.latencies:
            self.p50_s = median(self.latencies)
            self.p99_s = quantiles(self.latencies, n=100)[98] if len(self.latencies) > 100 else max(self.latencies)
        self.latencies = []


class _Connection(asyncio.Protocol):
    """Sends the same request again as soon as its answer is whole."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._buffer = bytearray()
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self._load.lost()

    def _send(self) -> None:
        self._buffer.clear()
        self._sent_at = perf_counter()
        self._transport.write(self._load.request)  # type: ignore[attr-defined]  # it is a socket's transport

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        head = buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = buffer.find(b"ontent-length: ", 0, head)
        if length < 0:
            length = buffer.find(b"ontent-Length: ", 0, head)
        if length >= 0:
            size = int(buffer[length + 15 : buffer.find(b"\r", length)])
            if len(buffer) < head + 4 + size:
                return
        elif not buffer.endswith(b"0\r\n\r\n"):
            return
        self._load.answered(perf_counter() - self._sent_at, bytes(buffer[9:12]), buffer)
        if self._load.running:
            self._send()
        else:
            self._transport.close()


class Load:
    def __init__(self, orders: Orders) -> None:
        body = orders.body.encode()
        self.request = (
            f"POST {orders.path} HTTP/1.1\r\nHost: 127.0.0.1:{orders.port}\r\nAuthorization: Bearer {orders.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        self._orders = orders
        self._measuring = False
        self._tally = Tally()
        self._tasks: set[asyncio.Task[None]] = set()
        self.running = True

    def answered(self, latency_s: float, status: bytes, answer: bytearray) -> None:
        if not self._measuring:
            return
        tally = self._tally
        if status != b"200":
            tally.errors += 1
            return
        tally.requests += 1
        tally.latencies.append(latency_s)
        tally.chunks += answer.count(b'"content":"') - answer.count(b'"content":""')

    def lost(self) -> None:
        """A connection ended: another one takes its place."""
        if self.running:
            self._tally.errors += self._measuring
            self._tasks.add(asyncio.get_running_loop().create_task(self._connect()))

    async def _connect(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: _Connection(self), "127.0.0.1", self._orders.port)

    async def run(self) -> Tally:
        for _ in range(self._orders.connections):
            await self._connect()
        await asyncio.sleep(self._orders.warm_up_s)
        self._measuring = True
        began = perf_counter()
        print("start", flush=True)
        await asyncio.sleep(self._orders.seconds)
        self._measuring = False
        self.running = False
        self._tally.close(perf_counter() - began)
        return self._tally


def main() -> None:
    orders = Orders(**json.loads(sys.stdin.readline()))
    print(json.dumps(asdict(uvloop.run(Load(orders).run()))), flush=True)


if __name__ == "__main__":
    main()
