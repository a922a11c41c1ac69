"""One child process of the supervisor: started so that it cannot outlive it, its output kept, stopped by its own pid."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bailiwick.embedded.logfile import LogFile

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Service:
    """What to run and how to tell that it is up."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    """All of it: nothing is inherited."""
    ready: Callable[[], Awaitable[bool]]
    before: Callable[[], None] = lambda: None
    """Clears what a killed predecessor left."""
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends it when the supervisor dies. A process with children of its own wants one that it can pass on."""
    stop_within_s: float = 15.0
    options: Mapping[str, Any] = field(default_factory=dict)
    """More arguments for `subprocess.Popen`: user, group, cwd, pass_fds."""


class Process:
    """A running `Service`. `done` is set when it has ended and its output is written."""

    def __init__(self, service: Service, process: asyncio.subprocess.Process, log: LogFile) -> None:
        self.service = service
        self.pid = process.pid
        self._process = process
        self._log = log
        self._pump = asyncio.create_task(self._keep_output())

    @classmethod
    async def start(cls, service: Service, logs: Path) -> Process:
        service.before()
        process = await asyncio.create_subprocess_exec(
            *service.command,
            env=dict(service.environment),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            # Its own session: Ctrl-C reaches the supervisor alone, which stops everything in order.
            start_new_session=True,
            preexec_fn=bind_to(os.getpid(), service.death_signal),
            **service.options,
        )
        return cls(service, process, LogFile(logs / f"{service.name}.log"))

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    def last_words(self, lines: int = 6) -> str:
        return "\n".join(f"  {line}" for line in self._log.tail(lines))

    async def wait(self) -> int:
        """Its exit status, once it has ended."""
        status = await self._process.wait()
        self.kill()  # children that it left behind share its process group
        with contextlib.suppress(TimeoutError):
            # A grandchild in another session may hold the pipe open a little longer; it is not waited for.
            async with asyncio.timeout(1):
                await asyncio.shield(self._pump)
        self._pump.cancel()
        return status

    async def stop(self) -> None:
        """Asks it to end, and after `stop_within_s` makes it."""
        if self.running:
            self._process.send_signal(self.service.stop_signal)
            try:
                async with asyncio.timeout(self.service.stop_within_s):
                    await self._process.wait()
            except TimeoutError:
                self.kill()
        await self.wait()

    def kill(self) -> None:
        """SIGKILL to the process group that it leads."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    async def _keep_output(self) -> None:
        output = self._process.stdout
        if output is None:
            raise RuntimeError("the process was started without a pipe for its output")
        try:
            while data := await output.read(65536):
                self._log.write(data)
        finally:
            self._log.close()


def bind_to(parent: int, death_signal: signal.Signals) -> Callable[[], None]:
    """For the child, after fork and any change of user (which would clear the setting): die when `parent` dies."""

    def bind() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # it died before the setting was made
            os._exit(1)

    return bind
