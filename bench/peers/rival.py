"""A competitor in a process of its own that answers one line of JSON with one line of JSON, so that two can take turns."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any

from bench.peers.processes import ROOT, environ, stop


@dataclass(frozen=True, slots=True)
class Order:
    """Decode `batch` fresh prompts together, greedily."""

    model: str
    way: str
    """How the competitor is to run it: a name of its own."""
    batch: int
    prompt: int
    generate: int
    """Most tokens of one answer."""
    seconds: float
    """Decoding is stopped after this long."""
    seed: int
    task: str = "decode"


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one order came to. `tokens` were written in `decode_s`, from when every answer had begun to when the first ended."""

    ttft_s: float
    """Until every answer had its first token."""
    tokens: int
    decode_s: float
    cpu_s: float
    """CPU time of the process while it decoded."""

    @property
    def per_second(self) -> float:
        return self.tokens / self.decode_s


class Rival:
    """One competitor's process; to be used with `with`."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environ(),
            cwd=ROOT,
            start_new_session=True,
        )

    def __enter__(self) -> Rival:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        stop(self._process)

    def ask(self, order: Order) -> dict[str, Any]:
        """Raises RuntimeError when the process has ended."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("a competitor's process has no pipes")
        self._process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._module} ended while it was measured; its error is above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def decode(self, order: Order) -> Decoded:
        return Decoded(**self.ask(order))


def serve(answer: Callable[[Order], Mapping[str, Any]]) -> None:
    """Answers the orders on standard input until it is closed."""
    for line in sys.stdin:
        print(json.dumps(dict(answer(Order(**json.loads(line))))), flush=True)
