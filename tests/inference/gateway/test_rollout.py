from __future__ import annotations

from collections.abc import Callable

import pytest

from audit.actions import Action, checked
from inference.engine.deployment import CascadeRule, Deployment, DeploymentError
from inference.gateway import rollout

OLD, NEW, NEWER = "a" * 64, "b" * 64, "c" * 64
SERVES = rollout.first("chat", OLD)


def shares(deployment: Deployment) -> dict[str, float]:
    return {version.digest: version.share for version in deployment.versions}


def test_a_canary_is_weighed_promoted_and_taken_back() -> None:
    begun = rollout.canary(SERVES, NEW, 0.1)
    assert shares(begun) == {OLD: 0.9, NEW: 0.1}
    assert shares(rollout.reweighed(begun, 0.5)) == {OLD: 0.5, NEW: 0.5}
    assert shares(rollout.canary(begun, NEWER, 0.0)) == {OLD: 1.0, NEWER: 0.0}
    assert rollout.rolled_back(begun) == SERVES

    promoted = rollout.promoted(begun)
    assert shares(promoted) == {NEW: 1.0}
    assert promoted.previous == rollout.version(OLD)
    back = rollout.rolled_back(promoted)
    assert shares(back) == {OLD: 1.0}
    assert rollout.rolled_back(back) == promoted, "and forth again"


CASCADE = Deployment("fast", cascade=CascadeRule("small", "large", 0.8))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda: rollout.canary(SERVES, OLD, 0.1), "these very weights"),
        (lambda: rollout.canary(SERVES, NEW, 1.0), "below 100"),
        (lambda: rollout.reweighed(SERVES, 0.5), "has no canary"),
        (lambda: rollout.promoted(SERVES), "has no canary"),
        (lambda: rollout.rolled_back(SERVES), "nothing to go back to"),
        (lambda: rollout.canary(CASCADE, NEW, 0.1), "is a cascade"),
        (lambda: rollout.cascade(SERVES, "chat", "small", "large", 0.5), "take another name"),
        (lambda: rollout.batched(SERVES, "hasty"), "there is no preset"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(change: Callable[[], Deployment], told: str) -> None:
    with pytest.raises(DeploymentError, match=told):
        change()


def test_the_log_may_hold_what_is_said_of_a_deployment() -> None:
    knobs = {"batch_window_ms": 2.5, "max_batch_size": 4, "group_by": [], "p95_budget_ms": 100}
    for deployment in (
        None,
        rollout.promoted(rollout.canary(SERVES, NEW, 0.1)),
        CASCADE,
        rollout.batched(SERVES, knobs),
    ):
        checked(Action.MODEL_DEPLOYED, rollout.fields(deployment))

    said = rollout.fields(rollout.batched(rollout.canary(SERVES, NEW, 0.125), knobs))
    assert said is not None
    assert (said["versions"], said["batch_window_us"]) == ({OLD: 875, NEW: 125}, 2500)
