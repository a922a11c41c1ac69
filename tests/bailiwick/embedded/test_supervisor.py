"""The supervisor with small real processes: what dies comes back, what stops stops in order, nothing outlives it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bailiwick.embedded import supervisor
from bailiwick.embedded.errors import CellError
from bailiwick.embedded.process import Service
from bailiwick.embedded.supervisor import Supervisor, Task

ENVIRONMENT = {"PATH": os.environ["PATH"]}
SLEEPER = "import time; print('up', flush=True); time.sleep(1000)"
TELLS_WHEN_IT_STOPS = """
import pathlib, signal, sys, time
def stop(*_):
    with open({log!r}, "a") as log: log.write({name!r} + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("up", flush=True)
time.sleep(1000)
"""


def _service(name: str, code: str, logs: Path) -> Service:
    async def ready() -> bool:
        log = logs / f"{name}.log"
        return log.exists() and "up" in log.read_text()

    return Service(name=name, command=[sys.executable, "-c", code], environment=ENVIRONMENT, ready=ready)


def _run(steps: list[supervisor.Step], logs: Path, while_ready: Callable[[Supervisor], Awaitable[None]]) -> None:
    async def main() -> None:
        stop = asyncio.Event()
        cell = Supervisor(steps, logs)
        background = []

        async def ready() -> None:
            async def act() -> None:
                try:
                    await while_ready(cell)
                finally:
                    stop.set()

            background.append(asyncio.create_task(act()))

        await cell.run(stop, ready)
        await background[0]

    supervisor.run(main())


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.02)


def test_what_is_killed_comes_back(tmp_path: Path) -> None:
    seen: list[int] = []

    async def kill_twice(cell: Supervisor) -> None:
        for _ in range(2):
            pid = cell.pids["one"]
            seen.append(pid)
            os.kill(pid, signal.SIGKILL)
            await _until(lambda pid=pid: cell.pids["one"] != pid)  # type: ignore[misc]  # bound now, not later
        seen.append(cell.pids["one"])

    _run([_service("one", SLEEPER, tmp_path)], tmp_path, kill_twice)

    assert len(set(seen)) == 3
    assert "ended with status -9" in (tmp_path / "supervisor.log").read_text()
    assert not any(_alive(pid) for pid in seen)


def test_it_stops_in_reverse_order(tmp_path: Path) -> None:
    order = tmp_path / "order"
    steps: list[supervisor.Step] = [
        _service(name, TELLS_WHEN_IT_STOPS.format(log=str(order), name=name), tmp_path) for name in ("a", "b", "c")
    ]

    async def nothing(_: Supervisor) -> None: ...

    _run(steps, tmp_path, nothing)

    assert order.read_text().split() == ["c", "b", "a"]


def test_a_process_that_dies_while_starting_fails_the_start_with_its_last_words(tmp_path: Path) -> None:
    first = _service("first", SLEEPER, tmp_path)
    broken = Service("broken", [sys.executable, "-c", "print('no such file'); exit(7)"], ENVIRONMENT, ready=_never)

    async def nothing(_: Supervisor) -> None: ...

    with pytest.raises(CellError, match=r"broken ended with status 7(.|\n)*no such file"):
        _run([first, broken], tmp_path, nothing)


def test_a_task_that_fails_fails_the_start(tmp_path: Path) -> None:
    async def nothing(_: Supervisor) -> None: ...

    with pytest.raises(CellError, match="migrate failed"):
        _run([Task("migrate", [sys.executable, "-c", "exit(3)"], ENVIRONMENT)], tmp_path, nothing)


def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    script = f"""
import asyncio, sys
from pathlib import Path
from bailiwick.embedded import supervisor
from tests.bailiwick.embedded.test_supervisor import SLEEPER, _service
logs = Path({str(tmp_path)!r})
cell = supervisor.Supervisor([_service(name, SLEEPER, logs) for name in "ab"], logs)
async def ready(): print(*cell.pids.values(), flush=True)
supervisor.run(cell.run(asyncio.Event(), ready))
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) == 2
    assert all(_alive(pid) for pid in pids)

    process.kill()
    process.wait()
    process.stdout.close()

    deadline = time.monotonic() + 5
    while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(_alive(pid) for pid in pids)


async def _never() -> bool:
    return False


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
