from __future__ import annotations

from collections.abc import Callable

import pytest

from audit.actions import Action, checked
from inference.engine.deployment import CascadeRule, Deployment, DeploymentError, Guards, Stages
from inference.gateway import rollout

OLD, NEW, NEWER = "a" * 64, "b" * 64, "c" * 64
SERVES = rollout.first("chat", OLD)


def shares(deployment: Deployment) -> dict[str, float]:
    return {version.identity: version.share for version in deployment.versions}


def canary(deployment: Deployment, digest: str, share: float) -> Deployment:
    return rollout.canary(deployment, rollout.version(digest), share)


MADE = rollout.compiled(OLD, NEW, "int8")
STAGES = Stages(since=1.0, hold_s=60.0, least=10)


def test_a_canary_is_weighed_promoted_and_taken_back() -> None:
    begun = canary(SERVES, NEW, 0.1)
    assert shares(begun) == {OLD: 0.9, NEW: 0.1}
    assert shares(rollout.reweighed(begun, 0.5)) == {OLD: 0.5, NEW: 0.5}
    assert shares(canary(begun, NEWER, 0.0)) == {OLD: 1.0, NEWER: 0.0}
    assert rollout.rolled_back(begun) == SERVES

    promoted = rollout.promoted(begun)
    assert shares(promoted) == {NEW: 1.0}
    assert promoted.previous == rollout.version(OLD)
    back = rollout.rolled_back(promoted)
    assert shares(back) == {OLD: 1.0}
    assert rollout.rolled_back(back) == promoted, "and forth again"


def test_an_artifact_of_what_serves_goes_from_stage_to_stage_and_is_promoted() -> None:
    now = rollout.staged(SERVES, MADE, STAGES)
    seen = [shares(now)]
    for number in range(4):
        now = rollout.advanced(now, now=2.0 + number, compared=10 * number, answered=number)
        seen.append(shares(now))
        assert now.stages is not None
        assert (now.stages.stage, now.stages.since, now.stages.compared) == (number + 1, 2.0 + number, 10 * number)
    assert [each[NEW] for each in seen] == [0.0, 0.01, 0.1, 0.5, 1.0]
    assert all(sum(each.values()) == pytest.approx(1.0) for each in seen)

    promoted = rollout.advanced(now, now=9.0, compared=0, answered=0)
    assert (shares(promoted), promoted.stages) == ({NEW: 1.0}, None)
    assert promoted.versions[0].compiled == MADE.compiled
    back = rollout.rolled_back(promoted)
    assert (shares(back), back.versions[0].compiled) == ({OLD: 1.0}, None)


def test_a_person_may_end_the_stages_at_any_of_them() -> None:
    now = rollout.advanced(rollout.staged(SERVES, MADE, STAGES), now=2.0, compared=0, answered=0)

    assert rollout.rolled_back(now) == SERVES
    assert shares(rollout.promoted(now)) == {NEW: 1.0}
    assert rollout.promoted(now).stages is None
    by_hand = rollout.reweighed(now, 0.3)
    assert (shares(by_hand), by_hand.stages) == ({OLD: 0.7, NEW: 0.3}, None)
    assert by_hand.versions[1].compiled == MADE.compiled


CASCADE = Deployment("fast", cascade=CascadeRule("small", "large", 0.8))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda: canary(SERVES, OLD, 0.1), "this very version"),
        (lambda: canary(SERVES, NEW, 1.0), "below 100"),
        (lambda: rollout.reweighed(SERVES, 0.5), "has no canary"),
        (lambda: rollout.promoted(SERVES), "has no canary"),
        (lambda: rollout.rolled_back(SERVES), "nothing to go back to"),
        (lambda: canary(CASCADE, NEW, 0.1), "is a cascade"),
        (lambda: rollout.cascade(SERVES, "chat", "small", "large", 0.5), "take another name"),
        (lambda: rollout.batched(SERVES, "hasty"), "there is no preset"),
        (lambda: rollout.advanced(canary(SERVES, NEW, 0.1), now=1.0, compared=0, answered=0), "goes on by itself"),
        (lambda: rollout.staged(SERVES, rollout.version(NEW), STAGES), "beside the same checkpoint"),
        (lambda: rollout.staged(SERVES, MADE, Stages(shares=(0.5, 0.1))), "rise"),
        (lambda: rollout.staged(SERVES, MADE, Stages(least=0)), "at least 0 s and 1 comparison"),
        (lambda: rollout.staged(SERVES, MADE, Stages(guards=Guards(slower=0.5))), "slower above 1"),
        (lambda: rollout.canary(SERVES, rollout.compiled(OLD, "short", "int8"), 0.1), "artifact's address"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(change: Callable[[], Deployment], told: str) -> None:
    with pytest.raises(DeploymentError, match=told):
        change()


def test_the_log_may_hold_what_is_said_of_a_deployment() -> None:
    knobs = {"batch_window_ms": 2.5, "max_batch_size": 4, "group_by": [], "p95_budget_ms": 100}
    for deployment in (
        None,
        rollout.promoted(canary(SERVES, NEW, 0.1)),
        CASCADE,
        rollout.batched(SERVES, knobs),
        rollout.staged(SERVES, MADE, STAGES),
    ):
        checked(Action.MODEL_DEPLOYED, rollout.fields(deployment))

    assert rollout.fields(rollout.staged(SERVES, MADE, STAGES)) == {
        "model": "chat",
        "versions": {OLD: 1000, NEW: 0},
        "artifacts": [NEW],
        "stage": 0,
    }
    said = rollout.fields(rollout.batched(canary(SERVES, NEW, 0.125), knobs))
    assert said is not None
    assert (said["versions"], said["batch_window_us"]) == ({OLD: 875, NEW: 125}, 2500)
