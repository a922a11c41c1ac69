from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from inference.engine import Cascade, Example, InferenceOptConfig
from inference.engine.thresholds import wilson_low

PLAIN = InferenceOptConfig(enable_cache=False, device="cpu")


class Large(nn.Module):
    """The class of x is whether x[0] is above 0, always right and always sure."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([-x[:, 0], x[:, 0]], dim=1) * 50


class Small(nn.Module):
    """Right and as sure as x[0] is far from 0; sure and wrong where x[1] is 1; refuses where x[1] is 2."""

    def forward(self, x: Tensor) -> Tensor:
        if (x[:, 1] == 2).any():
            raise ValueError("cannot")
        wrong = torch.where(x[:, 1] == 1, -1.0, 1.0)
        return torch.stack([-x[:, 0] * wrong, x[:, 0] * wrong], dim=1)


def point(far: float, kind: float = 0.0) -> Tensor:
    return torch.tensor([float(far), float(kind)])


def test_the_sure_exit_and_the_others_go_to_the_large_model_as_one_batch() -> None:
    cascade = Cascade(Small(), Large(), 0.9, config=PLAIN)

    results = cascade.infer_batch([point(3), point(0.1), point(-4), point(0.2), point(3, 2)])

    assert [result.answered_by for result in results] == ["small", "large", "small", "large", "large"]
    assert {results[n].batch_size for n in (1, 3, 4)} == {3}
    assert torch.equal(results[0].unwrap(), torch.tensor([-3.0, 3.0]))
    assert torch.equal(results[1].unwrap(), torch.tensor([-0.1, 0.1]) * 50)
    stats = cascade.stats
    assert (stats.exits, stats.escalations, stats.failures) == (2, 3, 1)


def test_the_configuration_drives_it() -> None:
    inputs = [point(0.4), point(0.6)]  # sure by 0.69 and by 0.77

    by_default = Cascade(Small(), Large(), config=PLAIN).infer_batch(inputs)
    strict = Cascade(Small(), Large(), config=InferenceOptConfig(confidence_threshold=0.8, device="cpu")).infer_batch(
        inputs
    )
    off = Cascade(Small(), Large(), config=InferenceOptConfig(enable_early_exit=False, device="cpu"))

    assert [result.answered_by for result in by_default] == ["large", "small"]
    assert [result.answered_by for result in strict] == ["large", "large"]
    assert [result.answered_by for result in off.infer_batch(inputs)] == ["large", "large"]
    assert off.small.calls == 0


def test_a_confidence_of_ones_own_and_one_that_is_not_a_number() -> None:
    cascade = Cascade(
        Small(), Large(), 0.5, config=PLAIN, confidence=lambda out: float("nan") if out[1] > 5 else float(out[1])
    )

    results = cascade.infer_batch([point(0.6), point(0.4), point(6)])

    assert [result.answered_by for result in results] == ["small", "large", "large"]
    with pytest.raises(ValueError, match="NaN"):
        cascade.threshold = math.nan


def test_the_threshold_is_the_smallest_that_meets_the_target() -> None:
    cascade = Cascade(Small(), Large(), config=PLAIN)
    # Wrong answers only where the model is hardly sure: |x| below 1.
    right = [point(1 + n / 100) for n in range(200)]
    unsure = [point(0.3 + n / 1000, 1) for n in range(200)]

    found = cascade.adapt([Example(value) for value in right + unsure], 0.95)

    assert found.reached
    assert found.agreement_low >= 0.95
    assert found.exits >= 200
    assert found.exits - 200 == pytest.approx((1 - found.agreement) * found.exits)
    one_more = wilson_low(200, found.exits + 1)
    assert one_more < 0.95
    results = cascade.infer_batch([right[0], unsure[0]])
    assert [result.answered_by for result in results] == ["small", "large"]
    assert cascade.stats.exits == 1


def test_labels_overrule_the_large_model_and_an_unreachable_target_lets_nothing_out() -> None:
    cascade = Cascade(Small(), Large(), 0.0, config=PLAIN)
    values = [point(2 + n / 100) for n in range(100)]

    assert cascade.adapt([Example(value, 1) for value in values], 0.95).reached
    assert cascade.adapt([Example(value, torch.tensor(1)) for value in values], 0.95).reached
    few = cascade.adapt([Example(value) for value in values[:20]], 0.95)
    assert (few.reached, few.exits, few.threshold) == (False, 0, math.inf)
    assert not cascade.adapt([Example(value, 0) for value in values], 0.5).reached
    assert cascade.infer_batch([point(30)])[0].answered_by == "large"


@given(st.integers(0, 400), st.integers(1, 400))
def test_the_bound_is_below_the_share_and_rises_with_it(agreed: int, count: int) -> None:
    agreed = min(agreed, count)

    assert 0 <= wilson_low(agreed, count) <= agreed / count + 1e-12
    assert wilson_low(agreed, count) <= wilson_low(agreed + 1, count + 1) + 1e-12


def test_an_answer_of_the_small_model_is_never_taken_for_the_large_ones() -> None:
    cascade = Cascade(Small(), Large(), 0.9, config=InferenceOptConfig(device="cpu"))
    value = point(3)

    first = cascade.infer_batch([value])[0]
    cascade.threshold = 2
    second = cascade.infer_batch([value])[0]
    third = cascade.infer_batch([value])[0]

    assert (first.answered_by, second.answered_by, third.answered_by) == ("small", "large", "large")
    assert not second.cached
    assert third.cached
    assert torch.equal(third.output, second.output)
    assert not torch.equal(third.output, first.output)
