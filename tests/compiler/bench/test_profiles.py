from __future__ import annotations

import statistics
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.bench.profiles import Profile, bursty, draw, single_shot, standard, steady


@given(st.integers(1, 30), st.integers(2, 500), st.integers(0, 99))
def test_a_seed_draws_the_same_requests_and_keeps_to_the_lengths(count: int, vocabulary: int, seed: int) -> None:
    requests = draw(count, vocabulary=vocabulary, prompt=(3, 9), answer=(2, 5), seed=seed)

    assert requests == draw(count, vocabulary=vocabulary, prompt=(3, 9), answer=(2, 5), seed=seed)
    assert [request.number for request in requests] == list(range(count))
    assert all(3 <= len(request.prompt) <= 9 and 2 <= request.answer <= 5 for request in requests)
    assert all(0 <= token < vocabulary for request in requests for token in request.prompt)


def test_another_seed_draws_others() -> None:
    assert draw(5, vocabulary=99, seed=1) != draw(5, vocabulary=99, seed=2)


def test_bursts_come_together_and_leave_time_between() -> None:
    profile = bursty(draw(10, vocabulary=9), size=4, every_s=0.5)

    assert profile.arrivals == (0, 0, 0, 0, 0.5, 0.5, 0.5, 0.5, 1.0, 1.0)


def test_a_steady_stream_keeps_its_rate_and_is_not_regular() -> None:
    profile = steady(draw(2000, vocabulary=9, prompt=(1, 1)), rate=50, seed=3)

    assert profile.arrivals is not None
    gaps = [after - before for before, after in pairwise(profile.arrivals)]
    assert statistics.mean(gaps) == pytest.approx(1 / 50, rel=0.1)
    assert statistics.stdev(gaps) == pytest.approx(1 / 50, rel=0.15)


def test_the_three_profiles_ask_the_same() -> None:
    requests = draw(20, vocabulary=9)

    profiles = standard(requests, seconds=0.1)

    assert [profile.name for profile in profiles] == ["single-shot", "bursty", "steady"]
    assert {profile.requests for profile in profiles} == {requests}


@pytest.mark.parametrize("arrivals", [(0.0,), (1.0, 0.0)])
def test_arrivals_that_do_not_fit_are_refused(arrivals: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="one arrival a request, in order"):
        Profile("odd", draw(2, vocabulary=9), arrivals)
    with pytest.raises(ValueError, match="has no requests"):
        single_shot([])
