"""One candidate and all that is known of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from compiler.tune import canonical, statistics
from compiler.tune.journal import Record
from compiler.tune.knobs import Value
from compiler.tune.tunable import Parity


class Outcome(StrEnum):
    NEW = "new"
    """Nothing is known yet."""
    PRUNED = "pruned"
    """Ruled out without being run: not of the space, or the caller's check said no."""
    INFEASIBLE = "infeasible"
    """It could not be built or run, or ended the process that ran it."""
    SLOW = "slow"
    """Given up while it was measured."""
    WRONG = "wrong"
    """Its results are not right."""
    MEASURED = "measured"


Pairs = tuple[list[int], list[int]]


@dataclass
class Trial:
    candidate: dict[str, Value]
    outcome: Outcome = Outcome.NEW
    samples: list[int] = field(default_factory=list)
    """Nanoseconds, in the order in which they were taken."""
    reason: str = ""
    kept: bool = False
    """Whether the caller's static check let it pass."""
    parity: Parity | None = None
    pairs: dict[str, Pairs] = field(default_factory=dict)
    """Its nanoseconds and an incumbent's side by side, by the incumbent's name."""

    @cached_property
    def name(self) -> str:
        return canonical.text(self.candidate)

    def learn(self, record: Record) -> None:
        """Takes in one record of a journal, whichever process wrote it."""
        match record["kind"]:
            case "kept":
                self.kept = True
            case "trial":
                self.samples += record["samples"]
                self.outcome = Outcome.SLOW if record["slow"] else Outcome.MEASURED
            case "parity":
                self.parity = Parity(record["passed"], record["measures"])
                if not self.parity:
                    self.outcome, self.reason = Outcome.WRONG, "its results are not right"
            case "pairs":
                self.pairs[canonical.text(record["incumbent"])] = record["ours"], record["theirs"]
            case "end":
                self.outcome, self.reason = Outcome(record["outcome"]), record["reason"]

    def time(self, repetitions: int | None = None) -> float:
        """Low estimate in nanoseconds from the first `repetitions` samples; infinity where there are none."""
        taken = self.samples[:repetitions]
        return statistics.low(taken) if taken else math.inf

    @property
    def runs(self) -> bool:
        """Whether it can be run and is not known to be wrong."""
        return self.outcome in (Outcome.NEW, Outcome.SLOW, Outcome.MEASURED)

    @property
    def running(self) -> bool:
        """Whether it may still become the winner."""
        return self.outcome in (Outcome.NEW, Outcome.MEASURED)

    def summary(self) -> dict[str, Any]:
        known = {"candidate": self.candidate, "outcome": str(self.outcome), "repetitions": len(self.samples)}
        if self.samples:
            known["low_ns"] = round(self.time())
        return {**known, "reason": self.reason} if self.reason else known
