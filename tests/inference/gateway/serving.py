"""A gateway as a web process runs it, in a thread of the test's process: the real application behind a real server."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from cell.config import config
from inference.gateway.app import Application
from tests.inference.gateway.scripted import ScriptedEngine


@dataclass(frozen=True, slots=True)
class Served:
    port: int
    engine: ScriptedEngine
    application: Application
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(engine_at: Path | None = None) -> Iterator[Served]:
    """The gateway on a free port, with a scripted engine or the one whose socket is `engine_at`."""
    listener = socket.create_server(("127.0.0.1", 0))
    ready = threading.Event()
    made: dict[str, Any] = {}

    async def main() -> None:
        engine = ScriptedEngine()
        socket_path = config().engine_socket
        socket_path.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        engine_server = None
        if engine_at is None:
            engine_server = await loop.create_unix_server(engine.connect, str(socket_path))
        else:
            socket_path.symlink_to(engine_at)
        application = Application()
        await application.startup()
        server = uvicorn.Server(
            uvicorn.Config(application, lifespan="off", log_config=None, timeout_graceful_shutdown=2)
        )
        made.update(engine=engine, application=application, loop=loop, server=server)
        ready.set()
        await server.serve([listener])
        await application.shutdown()
        if engine_server is not None:
            engine_server.close()
        for transport in engine.connections:
            transport.abort()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    if not ready.wait(20):
        raise RuntimeError("the gateway did not start")
    port = listener.getsockname()[1]
    try:
        yield Served(port, made["engine"], made["application"], made["loop"])
    finally:
        made["server"].should_exit = True
        thread.join(15)
