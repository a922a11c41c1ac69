"""Whole embedded cells for tests: started, asked and stopped as a person would."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

SERVICES = ("postgres", "redis", "engine", "worker", "beat", "web")


def bailiwick(*arguments: str | Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """The command line, without the configuration of the tests' own cluster."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("BAILIWICK_", "DJANGO_"))}
    command = [sys.executable, "-m", "bailiwick.cli", *map(str, arguments)]
    return subprocess.run(
        command, env=environment, cwd="/", capture_output=True, text=True, timeout=timeout, check=False
    )


@dataclass(frozen=True)
class Cell:
    home: Path

    @property
    def info(self) -> dict[str, Any]:
        return dict(json.loads((self.home / "cell.json").read_text()))

    @property
    def pids(self) -> dict[str, int]:
        return dict(self.info["processes"])

    def get(self, path: str, key: str) -> httpx.Response:
        return httpx.get(self.info["base_url"] + path, headers={"authorization": f"Bearer {key}"}, timeout=30)

    def chat(self) -> httpx.Response:
        info = self.info
        body = {"model": info["models"]["chat"], "max_tokens": 4, "messages": [{"role": "user", "content": "Hello"}]}
        headers = {"authorization": f"Bearer {info['api_key']}"}
        return httpx.post(f"{info['base_url']}/v1/chat/completions", json=body, headers=headers, timeout=30)


@contextlib.contextmanager
def running(*options: str) -> Iterator[Cell]:
    """A new cell on a free port; its home is deleted afterwards."""
    # Not pytest's folder: PostgreSQL's account has to walk there when the tests run as root.
    home = Path(tempfile.mkdtemp(prefix="bw-home-"))
    try:
        started = bailiwick("up", "--detach", "--home", home, "--port", "0", *options)
        assert started.returncode == 0, started.stderr
        yield Cell(home)
    finally:
        bailiwick("down", "--home", home)
        shutil.rmtree(home)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants(pid: int) -> set[int]:
    """Every process below `pid`."""
    children: dict[int, set[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = status.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), set()).add(int(status.parent.name))
    found, waiting = set[int](), [pid]
    while waiting:
        below = children.get(waiting.pop(), set())
        found |= below
        waiting += below
    return found


def until(condition: Callable[[], bool], within_s: float) -> float:
    """Seconds until `condition` held. Fails if it does not in time."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within_s, f"not within {within_s} s"
        time.sleep(0.05)
    return time.monotonic() - began
