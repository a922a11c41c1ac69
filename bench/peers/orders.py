"""What a competitor that decodes is asked and what it answers, one line of JSON each. Imports what every environment has."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


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


def prompts(vocabulary: int, count: int, length: int, seed: int) -> list[list[int]]:
    """The same for everybody."""
    draw = random.Random(seed)
    return [[draw.randrange(300, vocabulary) for _ in range(length)] for _ in range(count)]


def serve(answer: Callable[[Order], Mapping[str, Any]]) -> None:
    """Answers the orders on standard input until it is closed."""
    for line in sys.stdin:
        print(json.dumps(dict(answer(Order(**json.loads(line))))), flush=True)
