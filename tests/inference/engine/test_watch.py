from __future__ import annotations

import random

import pytest

from inference.engine.watch import FALSE, Watch


@pytest.mark.parametrize("allowed", [0.01, 0.05, 0.2])
def test_it_does_not_cry_wolf_however_long_and_often_one_looks(allowed: float) -> None:
    """At the very edge of what is allowed, 200 canaries of 5000 trials each: one false alarm in them all is expected at most."""
    alarms = 0
    for seed in range(200):
        generator, watch = random.Random(seed), Watch(allowed)
        for _ in range(5000):
            watch.see(generator.random() < allowed)
        alarms += watch.tripped
    assert pytest.approx(1.0) == FALSE * 200 * 5000
    assert alarms <= 4  # more are expected in less than one run in 250


def test_a_burst_is_seen_at_once_however_long_all_went_well() -> None:
    watch = Watch(0.01)
    for _ in range(100_000):
        watch.see(False)
    needed = 0
    while not watch.tripped:
        watch.see(True)
        needed += 1
    assert needed <= 5
    watch.see(False)
    assert watch.tripped, "and stays so"
    assert (watch.seen, watch.bad) == (100_001 + needed, needed)


@pytest.mark.parametrize(("allowed", "true"), [(0.01, 0.1), (0.05, 0.3), (0.05, 0.6)])
def test_what_is_worse_than_allowed_is_found_within_some_hundred_trials(allowed: float, true: float) -> None:
    for seed in range(50):
        generator, watch = random.Random(seed), Watch(allowed)
        while not watch.tripped:
            watch.see(generator.random() < true)
            assert watch.seen < 600


def test_what_all_others_suffer_is_not_its_fault() -> None:
    generator, watch = random.Random(1), Watch(0.01)
    for _ in range(5000):
        watch.see(generator.random() < 0.2, allowed=0.4)
    assert not watch.tripped
