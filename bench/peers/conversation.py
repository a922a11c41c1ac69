"""A competitor in a process of its own that answers orders, one JSON value a line, and stands still while another is measured.

It is stopped between orders: threads of some libraries go on spinning for work that does not come, and take a core from others.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.peers.processes import ROOT, environ, stop


class Conversation:
    """One competitor; to be used with `with`."""

    def __init__(self, name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
        """`name` is for errors; `env` is the whole environment, `environ()` if not given."""
        self.name = name
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(environ() if env is None else env),
            cwd=ROOT,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._send(signal.SIGCONT)
        stop(self._process)

    def _send(self, number: signal.Signals) -> None:
        """To it and all that it has started. One that has ended is past it."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def say(self, order: Mapping[str, Any]) -> Any:
        """The answer. Raises RuntimeError when the process has ended."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError(f"{self.name} has no pipes")
        line = b""
        self._send(signal.SIGCONT)
        # A process that has ended answers nothing, and may not even read.
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended while it was measured; its error is above")
        self._send(signal.SIGSTOP)
        return json.loads(line)
