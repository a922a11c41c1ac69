from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.compiler.backends.triton import interpreted

Interpret = Callable[..., Any]


@pytest.mark.parametrize(
    ("family", "dtype", "tokens", "quantized"),
    [
        ("llama", torch.float32, 1, None),
        ("qwen3", torch.float16, 2, None),
        ("mistral", torch.bfloat16, 2, None),
        ("qwen3", torch.float16, 2, torch.int8),
        ("llama", torch.bfloat16, 1, torch.float8_e4m3fn),
        ("llama", torch.float32, 13, None),
        ("qwen3", torch.float16, 13, torch.int8),
        ("mistral", torch.bfloat16, 13, torch.int8),
    ],
)
def test_a_decoder_goes_on_as_the_reference_says(
    interpret: Interpret, kernels: Path, family: str, dtype: torch.dtype, tokens: int, quantized: torch.dtype | None
) -> None:
    # Of 13 tokens of each text there are more rows than kernels multiply.
    batch = 5 if tokens == 13 else 2
    ran = interpret(
        interpreted.decode, family, dtype, kernels, batch=batch, tokens=tokens, steps=2, quantized=quantized
    )

    assert ran.references == []
    exact = 1e-5 if dtype == torch.float32 else 1e-3
    for mine, reference, truth in zip(ran.mine, ran.reference, ran.truth, strict=True):
        assert (mine - truth).abs().max() <= 1.5 * (reference - truth).abs().max() + exact
    for mine, reference in ran.states:
        torch.testing.assert_close(mine, reference, rtol=1e-2, atol=5 * exact)


def test_an_encoder_computes_the_same_with_attention_by_aten(interpret: Interpret, kernels: Path) -> None:
    mine, reference, left = interpret(interpreted.encode, kernels)

    torch.testing.assert_close(mine, reference, rtol=1e-4, atol=1e-5)
    assert left == 1


@pytest.mark.parametrize(("rows", "approximate"), [(1, "none"), (5, "tanh")])
def test_layer_norms_go_before_a_product_or_stand_alone(
    interpret: Interpret, kernels: Path, rows: int, approximate: str
) -> None:
    mine, reference, launched = interpret(interpreted.layers_of_norms, rows, approximate, kernels)

    torch.testing.assert_close(mine, reference, rtol=1e-4, atol=1e-5)
    assert launched == ["linear", "linear", "norm"]


def test_nothing_of_a_cache_is_read_beyond_where_a_token_is(interpret: Interpret, kernels: Path) -> None:
    poisoned, clean, wiped = interpret(interpreted.poisoned, kernels)

    assert torch.equal(poisoned, clean)
    assert wiped


def test_programs_that_nobody_would_write_compute_the_same(interpret: Interpret, kernels: Path) -> None:
    launches, references = interpret(interpreted.programs_agree, 30, kernels)

    assert launches > 2 * references > 0
