"""How a request ended, in figures."""

from __future__ import annotations

from dataclasses import dataclass

from inference.engine.protocol import Timings


@dataclass(frozen=True, slots=True)
class Ending:
    """How a request ended."""

    status: str
    """`completed`, `cancelled`, `failed` or `unknown`."""
    http_status: int
    finish_reason: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    weights: str | None = None
    """First digits of the digest of the weights that answered; those of several operations, joined by +."""
    choices: int = 1
    """Answers that share the completion tokens."""
    timings: Timings | None = None
    """Where the time in the engine went; of several operations, that of the longest."""
