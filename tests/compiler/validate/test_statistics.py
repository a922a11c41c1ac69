from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.validate.samples import sized, varied
from compiler.validate.statistics import agreement, chi_square, divergence, largest_error, least_cosine
from tests.compiler.frontend.test_exported import BOTH, Toy

_NAN, _INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("found", "truth", "error"),
    [
        ([1.0, 2.0], [1.0, 2.5], 0.5),
        ([_NAN, 1.0], [_NAN, 1.0], 0),
        ([_INF, -_INF], [_INF, -_INF], 0),
        ([_NAN, 1.0], [1.0, 1.0], _INF),
        ([1.0, 1.0], [_NAN, 1.0], _INF),
        ([_INF, 1.0], [-_INF, 1.0], _INF),
        ([], [], 0),
    ],
)
def test_the_largest_error(found: list[float], truth: list[float], error: float) -> None:
    assert largest_error(torch.tensor(found), torch.tensor(truth)) == error


def test_distributions_that_are_the_same_have_no_divergence() -> None:
    logits = torch.randn(4, 9)
    logits[0, 3] = -_INF

    assert divergence(logits, logits + 5) == pytest.approx(0, abs=1e-6)
    assert agreement(logits, logits * 2) == 1 and least_cosine(logits[1:], logits[1:] * 2) == pytest.approx(1)
    assert divergence(torch.zeros(1, 2), torch.tensor([[math.log(3), 0.0]])) == pytest.approx(
        0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_fair_draws_pass_and_unfair_ones_do_not(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    probabilities = torch.rand(30, generator=generator, dtype=torch.float64).softmax(0)
    drawn = torch.multinomial(probabilities, 20_000, replacement=True, generator=generator)
    counts = drawn.bincount(minlength=30)
    skewed = probabilities.clone()
    skewed[0] += 0.05

    assert chi_square(counts, probabilities) > 1e-5
    assert chi_square(counts, skewed / skewed.sum()) < 1e-5


def test_what_cannot_be_drawn_is_not_drawn() -> None:
    assert chi_square(torch.tensor([10, 1]), torch.tensor([1.0, 0.0])) == 0
    assert chi_square(torch.tensor([10, 0]), torch.tensor([1.0, 0.0])) == 1
    # 4.0 of chi-square with one degree of freedom is met or passed in 4.55 % of cases.
    assert chi_square(torch.tensor([60, 40]), torch.tensor([0.5, 0.5])) == pytest.approx(0.0455, abs=1e-4)


def test_an_example_grows_as_it_would_have_gone_on() -> None:
    from compiler.frontend.exported import capture

    example = (torch.tensor([7, 3, 9]), torch.tensor([0, 1, 2]))
    inputs = capture(Toy(), example, dynamic=BOTH).graph.inputs

    tokens, places = sized(inputs, example, {"B": 5})

    assert tokens.tolist() == [7, 3, 9, 7, 3] and places.tolist() == [0, 1, 2, 3, 4]
    assert [tensor.tolist() for tensor in sized(inputs, example, {"B": 2})] == [[7, 3], [0, 1]]
    other, same = varied((tokens, places), 1)
    assert sorted(other.tolist()) == sorted(tokens.tolist()) and torch.equal(same, places)
