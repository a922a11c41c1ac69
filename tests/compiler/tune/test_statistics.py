from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.tune import statistics
from compiler.tune.statistics import compare

times = st.lists(st.floats(1e2, 1e9), min_size=6, max_size=40)


def drawn(rng: np.random.Generator, pairs: int, ratio: float) -> tuple[list[float], list[float]]:
    """Pairs as a shared machine gives them: what disturbs lasts over a pair, single runs have spikes of their own."""
    disturbed = np.exp(rng.normal(0, 0.2, pairs))
    spikes = 1 + 3 * (rng.random((2, pairs)) < 0.05)
    single = np.exp(rng.normal(0, 0.05, (2, pairs))) * spikes
    return list(ratio * disturbed * single[0]), list(disturbed * single[1])


@given(times)
def test_equals_have_the_ratio_one(samples: list[float]) -> None:
    found = compare(samples, samples)

    assert (found.ratio, found.low, found.high) == (1, 1, 1)
    assert not found.wins()


@given(times, st.floats(0.1, 10))
def test_a_constant_factor_is_found_exactly(samples: list[float], factor: float) -> None:
    found = compare([factor * sample for sample in samples], samples)

    assert math.isclose(found.low, factor) and math.isclose(found.ratio, factor) and math.isclose(found.high, factor)


@given(st.lists(st.tuples(st.floats(1, 1e6), st.floats(1, 1e6)), min_size=8, max_size=40), st.integers(0, 99))
def test_an_interval_holds_its_median_and_grows_with_the_level(pairs: list[tuple[float, float]], seed: int) -> None:
    ours, theirs = [a for a, _ in pairs], [b for _, b in pairs]

    narrow, wide = (compare(ours, theirs, level=level, seed=seed) for level in (0.8, 0.99))

    assert wide.low <= narrow.low <= narrow.ratio <= narrow.high <= wide.high
    assert compare(ours, theirs, level=0.8, seed=seed) == narrow


@pytest.mark.parametrize(("level", "pairs"), [(0.95, 31), (0.99, 31), (0.95, 15), (0.95, 6), (0.99, 8)])
def test_intervals_cover_as_often_as_they_say(level: float, pairs: int) -> None:
    rng = np.random.default_rng(1)
    runs = 300

    missed = 0
    for run in range(runs):
        found = compare(*drawn(rng, pairs, 0.9), level=level, seed=run)
        missed += not found.low <= 0.9 <= found.high

    allowed = 1 - level
    # Three standard errors above what is allowed.
    assert missed / runs <= allowed + 3 * math.sqrt(allowed * (1 - allowed) / runs)


def test_a_gain_is_seen_through_noise_ten_times_its_size() -> None:
    rng = np.random.default_rng(2)

    found = [compare(*drawn(rng, 31, 0.9), seed=run).wins() for run in range(100)]

    assert sum(found) >= 90


def test_several_together_keep_the_level() -> None:
    assert statistics.familywise(0.95, 5) == pytest.approx(0.99)
    assert statistics.familywise(0.95, 0) == statistics.familywise(0.95, 1) == pytest.approx(0.95)


def test_the_low_estimate_ignores_what_disturbs() -> None:
    assert statistics.low([100, 101, 100, 100, 900]) == 100


@pytest.mark.parametrize(
    ("ours", "theirs", "level", "message"),
    [
        ([1.0] * 5, [1.0] * 5, 0.95, "at least 6 pairs"),
        ([1.0] * 7, [1.0] * 7, 0.99, "at least 8 pairs"),
        ([1.0] * 7, [1.0] * 6, 0.95, "7 and 6 samples"),
        ([1.0] * 6, [0.0] * 6, 0.95, "above zero"),
        ([math.nan] * 6, [1.0] * 6, 0.95, "above zero"),
        ([1.0] * 6, [1.0] * 6, 1.0, "between 0 and 1"),
    ],
)
def test_samples_that_say_nothing_are_refused(
    ours: list[float], theirs: list[float], level: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        compare(ours, theirs, level=level)
