from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.runtime.buckets import padded_work
from inference.engine.gpu import Gpu
from inference.engine.ladder import fitted_to

STEPS = tuple(Gpu.sizes)
BATCHES = tuple(Gpu.batches)


def test_of_few_steps_nothing_is_concluded() -> None:
    assert fitted_to({}, STEPS) == STEPS
    # Answers alone say nothing of prompts.
    assert fitted_to({1: 100_000, 9: 5_000, 300: 900}, STEPS) == STEPS


def test_sizes_are_where_the_steps_are() -> None:
    found = fitted_to({1: 10_000, 257: 5_000, 264: 9_000, 700: 500}, STEPS)

    assert found[:7] == (1, 2, 4, 8, 16, 32, 64)
    assert found == (*found[:7], 320, 704, 2048)


def test_what_is_more_than_the_largest_is_several() -> None:
    assert fitted_to({8192 * 3 + 100: 1000}, BATCHES) == (32, 64, 104, 8192)


@pytest.mark.parametrize("default", [STEPS, BATCHES])
@given(seen=st.dictionaries(st.integers(1, 2048), st.integers(1, 10_000), max_size=60))
def test_a_fitted_ladder_takes_all_and_computes_no_more_than_the_default(
    default: tuple[int, ...], seen: dict[int, int]
) -> None:
    found = fitted_to(seen, default)

    assert list(found) == sorted(set(found)) and len(found) <= len(default) and found[-1] == default[-1]
    assert [size for size in found if size <= 64] == [size for size in default if size <= 64]
    assert padded_work(seen, found) <= padded_work(seen, default)
