from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.runtime.buckets import fitted, padded_work

_HISTOGRAMS = st.dictionaries(st.integers(1, 40), st.integers(1, 9), min_size=1, max_size=8)


@settings(max_examples=200, deadline=None)
@given(histogram=_HISTOGRAMS, most=st.integers(1, 5))
def test_no_ladder_of_as_many_steps_pads_less(histogram: dict[int, float], most: int) -> None:
    ladder = fitted(histogram, most)

    steps = range(1, min(most, len(histogram)) + 1)
    ladders = (ladder for count in steps for ladder in combinations(sorted(histogram), count))
    every = [padded_work(histogram, ladder) for ladder in ladders if ladder[-1] == max(histogram)]
    assert len(ladder) <= most and ladder == tuple(sorted(set(ladder)))
    assert padded_work(histogram, ladder) == min(every)


def test_a_ladder_stands_where_the_calls_are() -> None:
    assert fitted({1: 1000, 2: 3, 3: 3, 7: 500, 8: 900, 31: 1}, 3) == (1, 8, 31)
    assert fitted({5: 1}, 4) == (5,)
    assert fitted({5: 0, 6: 1}, 4) == (6,)


@pytest.mark.parametrize(("histogram", "most"), [({}, 2), ({3: 1}, 0), ({0: 1}, 1), ({4: 0}, 1)])
def test_a_ladder_needs_calls_and_steps(histogram: dict[int, float], most: int) -> None:
    with pytest.raises(ValueError, match="at least"):
        fitted(histogram, most)


def test_a_size_above_the_ladder_has_no_step() -> None:
    with pytest.raises(ValueError, match="no step takes 9"):
        padded_work({9: 1}, (4, 8))
