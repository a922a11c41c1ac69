"""A competitor in a process of its own that answers one line of JSON with one line of JSON, so that two can take turns."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.peers.conversation import Conversation
from bench.peers.orders import Decoded, Order
from bench.peers.processes import environ


class Rival(Conversation):
    """One competitor's process; to be used with `with`."""

    def __init__(self, module: str, *arguments: str, python: Path | str = sys.executable, **variables: str) -> None:
        """`python` is that of the competitor's own environment, where it has one; `variables` are set in its environment."""
        super().__init__(module, [python, "-m", module, *arguments], environ(**variables))

    def ask(self, order: Order) -> dict[str, Any]:
        """Raises RuntimeError when the process has ended."""
        answer: dict[str, Any] = self.say(asdict(order))
        return answer

    def decode(self, order: Order) -> Decoded:
        return Decoded(**self.ask(order))
