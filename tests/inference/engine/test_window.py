from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.engine.window import PRESETS, EarlyFlush, Flush, Hold, Situation, Window, WindowError, bucket

DOCUMENTED = {
    "low-latency": {
        "batch_window_ms": 6,
        "max_batch_size": 8,
        "group_by": ["model_id", "max_tokens_bucket"],
        "early_flush": [{"if_priority": "realtime"}, {"if_queue_depth_gt": 16}],
        "p95_budget_ms": 250,
    },
    "balanced": {
        "batch_window_ms": 12,
        "max_batch_size": 16,
        "group_by": ["model_id", "max_tokens_bucket", "prompt_len_bucket"],
        "early_flush": [{"if_priority": "realtime"}, {"if_wait_ms_gt": 10}],
        "p95_budget_ms": 350,
    },
    "high-throughput": {
        "batch_window_ms": 20,
        "max_batch_size": 32,
        "group_by": ["model_id", "prompt_len_bucket"],
        "early_flush": [{"if_wait_ms_gt": 18}],
        "p95_budget_ms": 450,
    },
}

windows = st.builds(
    lambda window, size, groups, rules, slack, idle: Window(
        batch_window_ms=window,
        max_batch_size=size,
        group_by=tuple(groups),
        early_flush=EarlyFlush(
            if_priority=rules[0], if_queue_depth_gt=rules[1], if_wait_ms_gt=rules[2] and rules[2] * window
        ),
        p95_budget_ms=window + slack,
        idle_flush=idle,
    ),
    st.floats(0, 1000),
    st.integers(1, 256),
    st.sets(st.sampled_from(["model_id", "max_tokens_bucket", "prompt_len_bucket"])),
    st.tuples(st.sampled_from([None, "realtime"]), st.none() | st.integers(1, 10_000), st.none() | st.floats(0, 1)),
    st.floats(0.1, 1000),
    st.booleans(),
)
situations = st.builds(
    Situation,
    oldest=st.floats(0, 1e6),
    depth=st.integers(1, 100_000),
    full=st.booleans(),
    realtime=st.booleans(),
    busy=st.booleans(),
    deadline=st.none() | st.floats(0, 1e6),
    step_s=st.floats(0, 10),
    draining=st.booleans(),
)


def situation(**given: Any) -> Situation:
    return Situation(**{"oldest": 100.0, "depth": 1, "busy": True, **given})


@pytest.mark.parametrize("name", DOCUMENTED)
def test_presets_are_as_documented(name: Any) -> None:
    assert PRESETS[name].values() == {**DOCUMENTED[name], "idle_flush": True}
    assert PRESETS[name].name == name


@given(windows)
def test_a_window_survives_being_written_down(window: Window) -> None:
    assert Window.parse(json.loads(json.dumps(window.values()))) == window


@given(windows, situations, st.floats(0, 1e6))
def test_holding_ends_by_the_window_and_by_the_time_it_names(window: Window, seen: Situation, now: float) -> None:
    decision = window.decide(seen, now)

    if isinstance(decision, Hold):
        assert now < decision.until <= seen.oldest + window.batch_window_ms / 1000
        assert isinstance(window.decide(seen, decision.until), Flush)
        assert seen.deadline is None or decision.until <= seen.deadline
        assert not seen.full and not seen.draining
        assert seen.busy or not window.idle_flush


@given(windows, st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_batch_grows_with_depth_alone_and_never_below_its_size(window: Window, one: int, two: int) -> None:
    low, high = sorted((one, two))

    assert window.max_batch_size <= window.limit(low) <= window.limit(high) <= 256
    assert window.early_flush.if_queue_depth_gt is not None or window.limit(high) == window.max_batch_size


@pytest.mark.parametrize(
    ("preset", "seen", "waited_ms", "expected"),
    [
        ("low-latency", situation(), 5, Hold(100.006)),
        ("low-latency", situation(), 6, Flush("window")),
        ("low-latency", situation(busy=False), 0, Flush("idle")),
        ("low-latency", situation(realtime=True), 0, Flush("realtime")),
        ("low-latency", situation(depth=16), 0, Hold(100.006)),
        ("low-latency", situation(depth=17, full=True), 0, Flush("depth")),
        ("low-latency", situation(full=True), 0, Flush("full")),
        ("balanced", situation(depth=17), 9, Hold(100.01)),
        ("balanced", situation(), 11, Flush("wait_cap")),
        ("balanced", situation(deadline=100.006, step_s=0.004), 3, Flush("deadline")),
        ("balanced", situation(step_s=0.349), 2, Flush("deadline")),
        ("high-throughput", situation(realtime=True), 1, Hold(100.018)),
        ("high-throughput", situation(draining=True), 1, Flush("drain")),
    ],
)
def test_what_each_preset_does(preset: Any, seen: Situation, waited_ms: float, expected: Flush | Hold) -> None:
    assert PRESETS[preset].decide(seen, 100.0 + waited_ms / 1000) == expected


def test_the_size_climbs_the_ladder_as_the_queue_doubles() -> None:
    low_latency = PRESETS["low-latency"]

    assert [low_latency.limit(depth) for depth in (1, 16, 17, 31, 32, 64, 128, 10**9)] == [
        8,
        8,
        12,
        12,
        16,
        24,
        32,
        256,
    ]


def test_every_problem_of_a_window_is_named() -> None:
    with pytest.raises(WindowError) as error:
        Window(
            batch_window_ms=-1,
            max_batch_size=0,
            group_by=("shape",),  # type: ignore[arg-type]
            early_flush=EarlyFlush(if_queue_depth_gt=0, if_wait_ms_gt=5.0),
            p95_budget_ms=float("nan"),
        )

    for key in ("batch_window_ms", "max_batch_size", "group_by", "p95_budget_ms", "if_queue_depth_gt", "if_wait_ms_gt"):
        assert key in str(error.value)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"batch_window": 5}, "batch_window is no key"),
        ({"early_flush": {"if_priority": "realtime"}}, "early_flush must be a list"),
        ({"early_flush": [{"if_priority": "batch"}]}, "if_priority can only be realtime"),
        ({"early_flush": [{"if_wait_ms_gt": 1}, {"if_wait_ms_gt": 2}]}, "if_wait_ms_gt twice"),
        ({"early_flush": [{"if_priority": "realtime", "if_wait_ms_gt": 2}]}, "one key each"),
        ({"group_by": [{}]}, "group_by may name"),
        ({"max_batch_size": True}, "max_batch_size must be"),
        ({"batch_window_ms": "6"}, "batch_window_ms must be"),
        ({"p95_budget_ms": 6}, "p95_budget_ms must be above"),
        ({"idle_flush": "no"}, "idle_flush must be"),
    ],
)
def test_a_window_that_cannot_be_used_is_refused(change: dict[str, Any], named: str) -> None:
    with pytest.raises(WindowError, match=named):
        Window.parse(DOCUMENTED["low-latency"] | change)


@given(st.integers(0, 1 << 40))
def test_a_bucket_is_the_least_power_of_two_that_holds_it(n: int) -> None:
    found = bucket(n, 1)

    assert found >= n and found & (found - 1) == 0 and (found == 1 or found // 2 < n)
    assert bucket(n) == max(found, 64)
