"""A competitor in a process of its own that answers orders, one JSON value a line, and waits idle while another is measured."""

from __future__ import annotations

import json
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
        stop(self._process)

    def say(self, order: Mapping[str, Any]) -> Any:
        """The answer. Raises RuntimeError when the process has ended."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError(f"{self.name} has no pipes")
        line = b""
        # A process that has ended answers nothing, and may not even read.
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended while it was measured; its error is above")
        return json.loads(line)
