from __future__ import annotations

from collections import Counter

import pytest
import torch

from inference.engine.sampler import Draw, sample


def draw(
    temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0, uniform: float = 0.5, logprobs: int | None = None
) -> Draw:
    return Draw(temperature, top_k, top_p, uniform, logprobs)


def tokens(logits: torch.Tensor, draws: list[Draw]) -> list[int | None]:
    return [drawn.token for drawn in sample(logits, draws)]


def shares(row: torch.Tensor, kind: Draw, count: int = 2000) -> dict[int, float]:
    """Share of each token over evenly spread uniforms."""
    draws = [Draw(kind.temperature, kind.top_k, kind.top_p, (i + 0.5) / count, None) for i in range(count)]
    drawn = Counter(tokens(row.expand(count, -1), draws))
    return {int(token or 0): seen / count for token, seen in drawn.items()}


def test_temperature_zero_is_the_exact_argmax() -> None:
    logits = torch.randn(8, 1000, generator=torch.Generator().manual_seed(1))

    assert tokens(logits, [draw(0.0, uniform=i / 8) for i in range(8)]) == logits.argmax(-1).tolist()
    assert tokens(logits, [draw(1e-9)] * 8) == logits.argmax(-1).tolist()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_follow_the_softmax(temperature: float) -> None:
    row = torch.tensor([2.0, 1.0, 0.0, -1.0, -30.0])
    expected = torch.softmax(row / temperature, -1)

    found = shares(row, draw(temperature))

    for token, share in found.items():
        assert share == pytest.approx(expected[token].item(), abs=2e-3)


@pytest.mark.parametrize("vocabulary", [50, 3000])
@pytest.mark.parametrize(
    ("top_k", "top_p"), [(5, 1.0), (0, 0.9), (10, 0.5), (1, 1.0), (400, 0.97), (0, 0.9999), (2900, 0.999)]
)
def test_cuts_equal_the_ones_made_by_sorting(vocabulary: int, top_k: int, top_p: float) -> None:
    row = torch.randn(vocabulary, generator=torch.Generator().manual_seed(2)) * 2
    probabilities, order = torch.softmax(row.double(), -1).sort(descending=True)
    if top_k:
        probabilities[top_k:] = 0
        probabilities /= probabilities.sum()
    probabilities[(probabilities.cumsum(0) - probabilities) >= top_p] = 0
    kept = {int(token): p.item() for token, p in zip(order, probabilities / probabilities.sum(), strict=True) if p > 0}

    found = shares(row, draw(1.0, top_k, top_p))

    assert set(found) <= set(kept)
    assert all(share == pytest.approx(kept[token], abs=2e-3) for token, share in found.items())
    assert sum(share for token, share in kept.items() if token not in found) < 0.25 if top_k == 2900 else True


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    logits = torch.randn(32, 500, generator=torch.Generator().manual_seed(3))
    kinds = [draw(0.0), draw(0.8, 20, 0.9), draw(1.2), draw(0.7, 0, 0.8, logprobs=2)]
    draws = [Draw(k.temperature, k.top_k, k.top_p, i / 32, k.logprobs) for i, k in enumerate(kinds * 8)]

    together = sample(logits, draws)

    assert together == [sample(logits[i : i + 1], [draws[i]])[0] for i in range(32)]


def test_logprobs_are_of_the_model_before_temperature_and_cuts() -> None:
    logits = torch.tensor([[0.0, 3.0, 1.0, 2.0]])
    expected = torch.log_softmax(logits[0], -1)

    (result,) = sample(logits, [draw(5.0, top_k=1, logprobs=2)])

    assert result.token == 1
    assert result.logprob == pytest.approx(expected[1].item())
    assert [token for token, _ in result.top] == [1, 3]
    assert result.top[1][1] == pytest.approx(expected[3].item())


def test_only_the_row_that_is_not_finite_has_no_token() -> None:
    logits = torch.zeros(3, 10)
    logits[1, 4] = float("nan")

    assert [token is None for token in tokens(logits, [draw(0.0), draw(1.0, logprobs=1), draw(1.0)])] == [
        False,
        True,
        False,
    ]


def test_the_ends_of_the_uniform_pick_tokens_that_have_weight() -> None:
    row = torch.full((1, 100), -1e9)
    row[0, 40] = 0.0

    assert tokens(row.expand(2, -1), [draw(uniform=0.0), draw(uniform=1 - 2**-53)]) == [40, 40]
    assert tokens(row.expand(2, -1), [draw(uniform=0.0, top_p=0.5), draw(uniform=1 - 2**-53, top_k=3)]) == [40, 40]
