"""The web process: one public listener for callers and one internal listener for /metrics, in one event loop.

Run as ``python -m bailiwick.server``. A supervisor may hand over listening sockets with --fd and --internal-fd; without
them the addresses of the configuration are opened, shared by as many processes as are started.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any

import uvicorn
import uvloop

from bailiwick.asgi import application
from bailiwick.ingress import Ingress
from bailiwick.internal import internal_application
from cell.config import config

GRACEFUL_SHUTDOWN_S = 10
KEEP_ALIVE_S = 75


class _Server(uvicorn.Server):
    """Leaves signals to `serve`, which stops both listeners."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(public: socket.socket, internal: socket.socket) -> None:
    """Serves until SIGTERM or SIGINT, then lets requests in flight finish."""
    servers = [
        _server(application, lifespan="on", http=Ingress),
        _server(internal_application, lifespan="off"),
    ]

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await asyncio.gather(
        *(server.serve(sockets=[sock]) for server, sock in zip(servers, (public, internal), strict=True))
    )
    if not servers[0].started:
        sys.exit(1)


def _server(app: Any, **options: Any) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            loop="none",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_S,
            **options,
        )
    )


def _listener(fd: int | None, address: str) -> socket.socket:
    if fd is not None:
        return socket.socket(fileno=fd)
    host, _, port = address.rpartition(":")
    return socket.create_server((host, int(port)), backlog=1024, reuse_port=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fd", type=int, help="number of an open socket for callers")
    parser.add_argument("--internal-fd", type=int, help="number of an open socket for /metrics")
    options = parser.parse_args()
    public = _listener(options.fd, config().listen)
    internal = _listener(options.internal_fd, config().internal_listen)
    uvloop.run(serve(public, internal))


if __name__ == "__main__":
    main()
