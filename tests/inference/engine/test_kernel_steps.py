"""Decode steps of the compiler's kernels over the engine's pages, in Triton's interpreter beside the network of torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from inference.engine.models.layers import DtypeName
from inference.engine.sampler import Draw
from tests.inference.engine import interpreted_steps

Interpret = Callable[..., Any]
GREEDY = Draw(0.0, 0, 1.0, 0.5, None)
DRAWS = [GREEDY, Draw(1.0, 1, 1.0, 0.3, None), Draw(1.0, 0, 1.0, 0.5, 2)]
"""The likeliest, the likeliest of one, and one that wants more than a token."""


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("family", "dtype", "quantized", "most"),
    [
        ("llama", "float32", None, 1e-4),
        ("qwen3", "float32", None, 1e-4),
        ("mistral", "bfloat16", None, 0.1),
        ("llama-tied", "float32", None, 1e-4),
        ("llama", "float32", torch.int8, 0.1),
    ],
)
def test_answers_go_on_as_the_network_says_and_are_drawn_in_the_step(
    interpret: Interpret, tmp_path: Path, family: str, dtype: DtypeName, quantized: torch.dtype | None, most: float
) -> None:
    seen = interpret(interpreted_steps.followed, family, dtype, tmp_path, DRAWS, quantized)

    scale = max(float(each.abs().max()) for each in seen.theirs)
    for mine, theirs, drawn in zip(seen.mine, seen.theirs, seen.drawn, strict=True):
        assert (mine - theirs).abs().max() <= most * scale
        greedy = [int(row.argmax()) for row in mine]
        assert [token.token if token else None for token in drawn] == [greedy[0], greedy[1], None, *greedy[3:]]
    assert seen.used == {4: 2, 128: 1}
    assert len(seen.mine[-1]) == 4
    for mine, theirs in seen.caches:
        assert (mine - theirs).abs().max() <= most * theirs.abs().max()
    before, after = seen.prompts
    assert (before - after).abs().max() <= most * scale, (
        "the network computes with the kernels' weights and says the same"
    )
    assert seen.shared == (quantized is None)
    assert seen.too_many
    assert not seen.left
