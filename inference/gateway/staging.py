"""What becomes of a canary that goes on by itself: by its stages, by what an engine has seen of it, and by the time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from inference.engine.deployment import Stages
from inference.engine.stats import TrialStats


@dataclass(frozen=True, slots=True)
class Decision:
    step: Literal["on", "back"]
    guard: str = ""
    """Which was not kept, where it is taken back."""


def decide(stages: Stages, trial: TrialStats, now: float) -> Decision | None:
    """None while there is nothing to do. A stage ends when its time is over and enough was seen in it: one without traffic proves
    nothing, and goes on."""
    for guard, found in sorted(trial.guards.items()):
        if found.tripped:
            return Decision("back", guard)
    if now - stages.since < stages.hold_s:
        return None
    if _since(trial.compared, stages.compared) < stages.least:
        return None
    if stages.shares[stages.stage] > 0 and _since(trial.answered, stages.answered) < stages.least:
        return None
    return Decision("on")


def _since(count: int, before: int) -> int:
    """Of a count that begins anew with each engine."""
    return count - before if count >= before else count
