"""Redactors, each in a process of its own that answers orders one at a time and waits idle while another is measured."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.peers.processes import ROOT, environ, stop

HOME = ROOT / ".cache" / "bench-presidio"
PACKAGES = ("presidio-analyzer==2.2.366",)
"""It brings spaCy along, of which no model is installed."""
_PYTHON = HOME / "bin" / "python"
_SCRIPT = ROOT / "bench" / "peers" / "redactor_theirs.py"

Found = list[tuple[int, int, str, float]]
"""``(start, end, type, score)`` of each finding, the types in the redactor's own words."""


def install() -> None:
    """Makes the peer's environment (about 450 MB); it is kept for the next time."""
    marker = HOME / f".installed-{'-'.join(PACKAGES)}"
    if not marker.exists():
        subprocess.run([sys.executable, "-m", "venv", HOME], check=True)
        pip: list[str | Path] = [_PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]
        subprocess.run(pip, check=True, stdout=sys.stderr)
        marker.touch()


class RedactorProcess:
    """One redactor; to be used with `with`."""

    def __init__(self, name: str, command: Sequence[str | Path]) -> None:
        self.name = name
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ(), cwd=ROOT, start_new_session=True
        )

    def __enter__(self) -> RedactorProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        stop(self._process)

    def spans(self, texts: Sequence[str]) -> list[Found]:
        """What is found in each text."""
        return [[tuple(span) for span in found] for found in self.ask("spans", texts)]  # type: ignore[misc]  # of JSON

    def seconds(self, texts: Sequence[str], most: float) -> list[float]:
        """Time for each text in turn; only for the first ones when all of them would take more than `most` seconds."""
        return [float(seconds) for seconds in self.ask("time", texts, most)]

    def ask(self, task: str, texts: Sequence[Any] = (), seconds: float = 0) -> Any:
        """The answer to any task; `Redactor` of ours knows more of them (`bench.peers.redactor_ours`)."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError(f"{self.name} has no pipes")
        line = b""
        # A process that has ended answers nothing, and may not even read.
        with suppress(BrokenPipeError):
            order = {"task": task, "texts": list(texts), "seconds": seconds}
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended while it was measured; its error is above")
        return json.loads(line)


def ours() -> RedactorProcess:
    return RedactorProcess("bailiwick", [sys.executable, "-m", "bench.peers.redactor_ours"])


def theirs(kind: str) -> RedactorProcess:
    """After `install`: Presidio with its `default` recognizers or those of the `eu`."""
    # Isolated, so that it sees no module of this repository.
    return RedactorProcess(f"presidio-{kind}", [_PYTHON, "-I", _SCRIPT, kind])
