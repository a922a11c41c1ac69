"""A real server in a thread: the cell's guard and ingress in front of an application that a test brings."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
import uvloop

from bailiwick.guard import Application, CellGuard
from bailiwick.ingress import Ingress
from cell.regions import Directory, Region

DIRECTORY = Directory(
    regions=(
        Region("eu-de-1", "eude1", "eu", "https://api.eu-de.example", "https://console.eu-de.example"),
        Region("eu-fr-1", "eufr1", "eu", "https://api.eu-fr.example", "https://console.eu-fr.example"),
    ),
    serial=1,
    valid_until=datetime.now(UTC) + timedelta(days=1),
)


@dataclass
class Served:
    """Where the server is, and how many bytes it has read from all its callers."""

    port: int
    reads: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def bytes_read(self) -> int:
        return sum(self.reads)


@contextlib.contextmanager
def serving(app: Application) -> Iterator[Served]:
    listener = socket.create_server(("127.0.0.1", 0))
    served = Served(listener.getsockname()[1])

    class Counting(Ingress):
        def buffer_updated(self, nbytes: int) -> None:
            served.reads.append(nbytes)
            super().buffer_updated(nbytes)

    options: Any = {"http": Counting, "loop": "none", "lifespan": "off", "log_config": None, "access_log": False}
    server = uvicorn.Server(uvicorn.Config(app, **options))
    thread = threading.Thread(target=lambda: uvloop.run(_serve(server, listener)))
    thread.start()
    try:
        yield served
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        assert not thread.is_alive()


async def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]  # a thread takes no signals
    await server.serve(sockets=[listener])


def guarded(app: Application) -> CellGuard:
    return CellGuard(app, "eude1", DIRECTORY)
