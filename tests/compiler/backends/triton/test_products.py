from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from compiler.backends.triton.tiles import Reach, Tiles
from tests.compiler.backends.triton import interpreted
from tests.compiler.backends.triton.layers import Layer

Interpret = Callable[..., Any]
FEW = {"block_m": 2, "warps": 4, "stages": 3}
MANY = {"block_m": 16, "warps": 4, "stages": 3}


@pytest.mark.parametrize(
    ("layer", "cuts", "most"),
    [
        # One row and two, summed without tensor cores; nothing is a multiple of a tile.
        (Layer(texts=1), {"out": Tiles(1, 32, 64, 1, 4, 3), "gate_up": Tiles(1, 32, 64, 1, 4, 3)}, 2e-6),
        (
            Layer(texts=2, head_norms=True, bias=True),
            {
                "qkv": Tiles(**FEW, block_n=8, block_k=32, split=3),
                "out": Tiles(**FEW, block_n=64, block_k=32, split=2),
                "gate_up": Tiles(**FEW, block_n=64, block_k=64, split=2),
                "down": Tiles(**FEW, block_n=128, block_k=16, split=4),
            },
            2e-6,
        ),
        # Tensor cores, from three rows on, in the types that a norm is put before and after in.
        (
            Layer(texts=3, tokens=2, head_norms=True, dtype=torch.float16),
            {
                "qkv": Tiles(**MANY, block_n=8, block_k=32, split=2),
                "attention": Reach(16, 3, 4, 2),
                "gate_up": Tiles(**MANY, block_n=32, block_k=32, split=3),
            },
            2e-3,
        ),
        (
            Layer(texts=4, dtype=torch.bfloat16, bias=True),
            {
                "qkv": Tiles(**MANY, block_n=8, block_k=64, split=2),
                "down": Tiles(**MANY, block_n=64, block_k=32, split=2),
            },
            1e-2,
        ),
        (
            Layer(texts=17, hidden=64, heads=2, groups=1),
            {"out": Tiles(16, 64, 16, 2, 4, 3), "gate_up": Tiles(16, 32, 32, 2, 4, 3)},
            2e-6,
        ),
        # Bytes.
        (
            Layer(texts=2, quantized=torch.int8, bias=True),
            {"gate_up": Tiles(**FEW, block_n=64, block_k=64, split=2)},
            2e-6,
        ),
        (
            Layer(texts=8, quantized=torch.int8, dtype=torch.float16),
            {"down": Tiles(**MANY, block_n=64, block_k=32, split=2)},
            2e-3,
        ),
        (
            Layer(texts=2, quantized=torch.float8_e4m3fn, bias=True),
            {"gate_up": Tiles(**FEW, block_n=64, block_k=64, split=2)},
            2e-6,
        ),
        (
            Layer(texts=8, quantized=torch.float8_e4m3fn, dtype=torch.bfloat16),
            {"down": Tiles(**MANY, block_n=64, block_k=32, split=2)},
            1e-2,
        ),
    ],
    ids=["1", "2 split", "6 halves", "4 bfloat16", "17", "2 bytes", "8 bytes", "2 float8", "8 float8"],
)
def test_each_launch_of_a_layer_is_what_the_reference_says(
    interpret: Interpret, kernels: Path, layer: Layer, cuts: dict[str, Tiles | Reach], most: float
) -> None:
    errors = interpret(interpreted.errors, layer, cuts, kernels)

    assert list(errors) == ["qkv", "attention", "out", "gate_up", "down"]
    assert max(errors.values()) <= most, errors


def test_a_tuner_can_build_and_check_what_it_turns(interpret: Interpret, kernels: Path) -> None:
    layer = Layer(texts=3, hidden=64, wide=32, dtype=torch.float16)

    for name, candidate in (
        ("gate_up", {"block_n": 32, "block_k": 16, "split": 2}),
        ("attention", {"block_p": 16, "split": 2}),
    ):
        passed, error = interpret(interpreted.tuned, layer, name, candidate, kernels)
        assert passed and 0 < error < 2e-3
