from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from compiler.backends.triton.sampling import drawing
from tests.compiler.backends.triton import interpreted

Interpret = Callable[..., Any]
VOCABULARY = 150


def options(runs: list[tuple[float, int, float]], uniforms: list[list[float]]) -> list[torch.Tensor]:
    """Temperature, top k and top p of each row, the same in each run; uniform numbers of each."""
    rows = [torch.tensor(column).expand(len(uniforms), -1) for column in zip(*runs, strict=True)]
    return [rows[0].float(), rows[1].int(), rows[2].float(), torch.tensor(uniforms)]


def kept(logits: torch.Tensor, temperature: float, k: int, p: float) -> torch.Tensor:
    """What each token of a row weighs after the cuts, by sorting, in float64; earlier tokens win ties."""
    order = logits.double().sort(descending=True, stable=True).indices
    weights = (logits.double() / temperature).softmax(-1)[order]
    if 0 < k < len(weights):
        weights[k:] = 0
    if p < 1:
        weights = weights * (weights.cumsum(0) - weights < p * weights.sum())
    found = torch.zeros_like(weights)
    found[order] = weights
    return found


def test_a_uniform_number_picks_by_its_share_of_what_the_cuts_leave(interpret: Interpret, kernels: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(6, VOCABULARY, generator=generator)
    rows = [(0.0, 0, 1.0), (1.0, 0, 1.0), (0.7, 10, 1.0), (1.0, 0, 0.6), (2.0, 40, 0.5), (1.0, 1, 0.1)]
    uniforms = [[share] * 6 for share in (0.0, 0.3, 0.77, 0.9999)]

    found = interpret(interpreted.sampled, logits, options(rows, uniforms), kernels)

    assert found[:, 0].tolist() == [int(logits[0].argmax())] * 4
    for row, (temperature, k, p) in list(enumerate(rows))[1:]:
        shares = kept(logits[row], temperature, k, p).cumsum(0)
        for run, (share, *_) in enumerate(uniforms):
            assert found[run, row] == int(torch.searchsorted(shares, share * shares[-1], right=True))


def test_cuts_that_keep_more_than_a_program_looks_at_are_exact_as_well(interpret: Interpret, kernels: Path) -> None:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(6, 3000, generator=generator) * torch.tensor([[0.1], [1.0], [5.0], [3.0], [1.0], [1.0]])
    logits[4] = logits[4].round()
    rows = [(1.0, 0, 0.999), (1.0, 1500, 0.9), (1.5, 700, 1.0), (0.9, 0, 0.8), (1.0, 900, 0.99), (1.0, 0, 1.0)]
    uniforms = [[share] * 6 for share in (0.001, 0.5, 0.95)]

    found = interpret(interpreted.sampled, logits, options(rows, uniforms), kernels, block=256)

    for row, (temperature, k, p) in enumerate(rows):
        shares = kept(logits[row], temperature, k, p).cumsum(0)
        for run, (share, *_) in enumerate(uniforms):
            # Within what float32 leaves of a sum.
            at = torch.searchsorted(shares, torch.tensor([share - 1e-5, share + 1e-5]) * shares[-1], right=True)
            assert at[0] <= found[run, row] <= at[1], (row, run)


def test_of_equal_logits_the_first_are_kept(interpret: Interpret, kernels: Path) -> None:
    logits = torch.zeros(3, VOCABULARY)
    logits[:, 100:] = 1
    rows = [(1.0, 3, 1.0), (1.0, 60, 1.0), (1.0, 20, 0.5)]

    found = interpret(interpreted.sampled, logits, options(rows, [[0.0] * 3, [0.9999] * 3, [0.07] * 3]), kernels)

    # Fifty tokens weigh more than the others: three of them; all of them and ten of the others; ten of twenty of them.
    assert found[0].tolist() == [100, 0, 100]
    assert found[1].tolist() == [102, 149, 109]
    # Of the second row, ten of the others weigh 0.0686 of all.
    assert found[2].tolist() == [100, 100, 100]


def test_numbers_all_over_the_unit_draw_each_token_as_often_as_it_weighs(interpret: Interpret, kernels: Path) -> None:
    logits = torch.randn(1, VOCABULARY, generator=torch.Generator().manual_seed(5)).expand(24, -1).contiguous()
    uniforms = (torch.arange(24) + 0.5) / 24

    found = interpret(
        interpreted.sampled, logits, options([(1.0, 8, 0.9)] * 24, [uniforms.tolist()]), kernels, block=256
    )

    shares = kept(logits[0], 1.0, 8, 0.9)
    counts = found.flatten().bincount(minlength=VOCABULARY)
    assert (counts - 24 * shares / shares.sum()).abs().max() <= 1
    assert 1 < int((counts > 0).sum()) <= 8


def test_rows_that_are_not_finite_get_no_token_and_masked_tokens_are_not_drawn(
    interpret: Interpret, kernels: Path
) -> None:
    logits = torch.randn(4, VOCABULARY, generator=torch.Generator().manual_seed(1))
    logits[0, 3], logits[1, 140], logits[2] = torch.nan, torch.inf, -torch.inf
    logits[3, 1:] = -torch.inf

    found = interpret(interpreted.sampled, logits, options([(1.0, 0, 0.9)] * 4, [[0.5] * 4, [0.9999] * 4]), kernels)

    assert found.tolist() == [[-1, -1, -1, 0]] * 2


def test_a_vocabulary_that_cannot_be_counted_is_refused() -> None:
    with pytest.raises(ValueError, match="use the reference"):
        drawing(1, 1 << 24, torch.float32)
