from __future__ import annotations

from typing import Any

import pytest

from inference.engine.deployment import Stages
from inference.engine.stats import GuardStats, TrialStats
from inference.gateway.staging import Decision, decide

GOOD = {name: GuardStats(50, 0, False) for name in ("errors", "p95", "divergence")}
SHADOW = Stages(since=100.0, hold_s=10.0, least=20)
HALF = Stages(stage=3, since=100.0, hold_s=10.0, least=20, compared=500, answered=40)


def trial(compared: int = 0, answered: int = 0, **tripped: bool) -> TrialStats:
    guards = {**GOOD, **{name: GuardStats(50, 30, each) for name, each in tripped.items()}}
    return TrialStats("chat", "a" * 64, 0, 5, compared, answered, guards)


@pytest.mark.parametrize(
    ("stages", "seen", "now", "step"),
    [
        (SHADOW, {"compared": 19}, 200.0, None),
        (SHADOW, {"compared": 20}, 109.0, None),
        (SHADOW, {"compared": 20}, 110.0, "on"),
        (HALF, {"compared": 520, "answered": 59}, 110.0, None),
        (HALF, {"compared": 519, "answered": 60}, 110.0, None),
        (HALF, {"compared": 520, "answered": 60}, 110.0, "on"),
        # An engine that was started anew counts anew.
        (HALF, {"compared": 19, "answered": 25}, 110.0, None),
        (HALF, {"compared": 20, "answered": 25}, 110.0, "on"),
    ],
)
def test_a_stage_ends_by_time_and_by_what_was_seen_in_it(
    stages: Stages, seen: dict[str, Any], now: float, step: str | None
) -> None:
    decision = decide(stages, trial(**seen), now)

    assert (None if decision is None else decision.step) == step


@pytest.mark.parametrize("guard", ["errors", "p95", "divergence", "artifact"])
def test_a_guard_takes_it_back_at_once(guard: str) -> None:
    assert decide(HALF, trial(520, 60, **{guard: True}), 100.0) == Decision("back", guard)
