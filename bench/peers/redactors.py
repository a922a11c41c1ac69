"""Redactors, each in a process of its own that answers orders one at a time and waits idle while another is measured."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from bench.peers import packages
from bench.peers.conversation import Conversation
from bench.peers.processes import ROOT

HOME = ROOT / ".cache" / "bench-presidio"
PACKAGES = ("presidio-analyzer==2.2.366",)
"""It brings spaCy along, of which no model is installed."""
_PYTHON = HOME / "bin" / "python"
_SCRIPT = ROOT / "bench" / "peers" / "redactor_theirs.py"

Found = list[tuple[int, int, str, float]]
"""``(start, end, type, score)`` of each finding, the types in the redactor's own words."""


def install() -> None:
    """Makes the peer's environment (about 450 MB); it is kept for the next time."""
    packages.install(HOME, PACKAGES)


class RedactorProcess(Conversation):
    """One redactor; to be used with `with`."""

    def spans(self, texts: Sequence[str]) -> list[Found]:
        """What is found in each text."""
        return [[tuple(span) for span in found] for found in self.ask("spans", texts)]  # type: ignore[misc]  # of JSON

    def seconds(self, texts: Sequence[str], most: float) -> list[float]:
        """Time for each text in turn; only for the first ones when all of them would take more than `most` seconds."""
        return [float(seconds) for seconds in self.ask("time", texts, most)]

    def ask(self, task: str, texts: Sequence[Any] = (), seconds: float = 0) -> Any:
        """The answer to any task; `Redactor` of ours knows more of them (`bench.peers.redactor_ours`)."""
        return self.say({"task": task, "texts": list(texts), "seconds": seconds})


def ours() -> RedactorProcess:
    return RedactorProcess("bailiwick", [sys.executable, "-m", "bench.peers.redactor_ours"])


def theirs(kind: str) -> RedactorProcess:
    """After `install`: Presidio with its `default` recognizers or those of the `eu`."""
    # Isolated, so that it sees no module of this repository.
    return RedactorProcess(f"presidio-{kind}", [_PYTHON, "-I", _SCRIPT, kind])
