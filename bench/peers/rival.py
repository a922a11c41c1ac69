"""A competitor in a process of its own that answers one line of JSON with one line of JSON, so that two can take turns."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bench.peers.conversation import Conversation


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


class Rival(Conversation):
    """One competitor's process; to be used with `with`."""

    def __init__(self, module: str, *arguments: str) -> None:
        super().__init__(module, [sys.executable, "-m", module, *arguments])

    def ask(self, order: Order) -> dict[str, Any]:
        """Raises RuntimeError when the process has ended."""
        answer: dict[str, Any] = self.say(asdict(order))
        return answer

    def decode(self, order: Order) -> Decoded:
        return Decoded(**self.ask(order))


def serve(answer: Callable[[Order], Mapping[str, Any]]) -> None:
    """Answers the orders on standard input until it is closed."""
    for line in sys.stdin:
        print(json.dumps(dict(answer(Order(**json.loads(line))))), flush=True)
