"""Starts the processes of a cell in order, brings back what dies, and stops all of them in reverse order.

Only direct children with known pids are ever signalled. None can outlive the supervisor, not even its `kill -9`: the kernel
ends them (see `process`).
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bailiwick.embedded.errors import CellError
from bailiwick.embedded.logfile import LogFile
from bailiwick.embedded.process import Process, Service

READY_WITHIN_S = 90.0
PROBE_EVERY_S = 0.05
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
HEALTHY_AFTER_S = 10.0
"""A process that ran this long is not in a crash loop: its next restart is immediate again."""


@dataclass(frozen=True, slots=True)
class Task:
    """Something that runs once, between services: migration, bootstrap."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Call:
    """Something short that the supervisor does itself, between services."""

    name: str
    run: Callable[[], None]


Step = Service | Task | Call


class Supervisor:
    def __init__(
        self,
        steps: Sequence[Step],
        logs: Path,
        *,
        report: Callable[[str], None] = lambda line: None,
        on_change: Callable[[Mapping[str, int]], None] = lambda pids: None,
    ) -> None:
        """`report` gets lines for a person; `on_change` the pids by name whenever they change after the start."""
        self._steps = steps
        self._logs = logs
        self._report = report
        self._on_change = on_change
        self._processes: dict[str, Process] = {}
        self._log = LogFile(logs / "supervisor.log")

    @property
    def pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self._processes.items()}

    async def run(self, stop: asyncio.Event, on_ready: Callable[[], Awaitable[None]]) -> None:
        """Runs the cell until `stop` is set. Raises CellError if something does not come up at the start."""
        try:
            if await self._start_all(stop):
                await on_ready()
                async with asyncio.TaskGroup() as group:
                    keepers = [group.create_task(self._keep(process)) for process in self._processes.values()]
                    await stop.wait()
                    for keeper in keepers:
                        keeper.cancel()
        finally:
            await self._stop_all()

    async def _start_all(self, stop: asyncio.Event) -> bool:
        """False if it was told to stop meanwhile."""
        for step in self._steps:
            if stop.is_set():
                return False
            began = time.monotonic()
            if isinstance(step, Call):
                step.run()
            elif isinstance(step, Task):
                await self._run_task(step)
            else:
                process = self._processes[step.name] = await Process.start(step, self._logs)
                await self._wait_until_ready(process, stop)
            self._report(f"{step.name:<10} {time.monotonic() - began:5.1f} s")
        return not stop.is_set()

    async def _run_task(self, task: Task) -> None:
        async def ready() -> bool:
            return True

        process = await Process.start(Service(task.name, task.command, task.environment, ready), self._logs)
        try:
            status = await process.wait()
        finally:
            process.kill()
        if status != 0:
            raise CellError(
                f"{task.name} failed; its log is {self._logs / task.name}.log and ends:\n{process.last_words()}"
            )

    async def _wait_until_ready(self, process: Process, stop: asyncio.Event) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        name = process.service.name
        log = self._logs / f"{name}.log"
        while not await process.service.ready():
            if stop.is_set():
                return
            if not process.running:
                await process.wait()
                raise CellError(
                    f"{name} ended with status {process.returncode} while starting; its log is {log} and ends:\n"
                    f"{process.last_words()}"
                )
            if time.monotonic() > deadline:
                raise CellError(f"{name} was not ready after {READY_WITHIN_S:.0f} s; see {log}.")
            await asyncio.sleep(PROBE_EVERY_S)

    async def _keep(self, process: Process) -> None:
        """Brings one service back whenever it ends, sooner or later by how long it lived."""
        service = process.service
        pause = FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            status = await process.wait()
            lived = time.monotonic() - began
            pause = FIRST_PAUSE_S if lived > HEALTHY_AFTER_S else min(pause * 2, LONGEST_PAUSE_S)
            self._note(
                f"{service.name} (pid {process.pid}) ended with status {status} after {lived:.1f} s; back in {pause:.1f} s"
            )
            await asyncio.sleep(pause)
            try:
                process = self._processes[service.name] = await Process.start(service, self._logs)
            except OSError as error:
                self._note(f"{service.name} could not be started: {error.strerror}")
                continue
            self._on_change(self.pids)

    async def _stop_all(self) -> None:
        for process in reversed(self._processes.values()):
            began = time.monotonic()
            await process.stop()
            self._note(f"{process.service.name} stopped in {time.monotonic() - began:.1f} s")
        self._log.close()

    def _note(self, line: str) -> None:
        self._log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {line}\n".encode())
        self._report(line)


def run(main: Awaitable[None]) -> None:
    """asyncio.run with children watched through pidfds: a thread for each child would make forking unsafe."""
    if sys.version_info < (3, 12):
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
    asyncio.run(_as_coroutine(main))


async def _as_coroutine(main: Awaitable[None]) -> None:
    await main
