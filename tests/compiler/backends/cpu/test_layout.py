from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.backends.cpu import layout, quantize

SIZES = st.integers(1, 200)


@given(n=SIZES, k=SIZES, seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_packing_loses_no_bit(n: int, k: int, seed: int) -> None:
    weight = torch.randn(n, k, generator=torch.Generator().manual_seed(seed))
    int8, int4 = quantize.int8(weight), quantize.int4(weight, 32)

    assert torch.equal(layout.unpack(layout.pack(weight)), weight)
    assert torch.equal(layout.unpack(layout.pack(weight.bfloat16())), weight.bfloat16())
    assert torch.equal(layout.unpack(layout.pack(int8)), int8.values)
    assert torch.equal(layout.unpack(layout.pack(int4)), int4.values[:, :k])


def test_words_lie_as_documented() -> None:
    weight = torch.arange(128 * 8).view(128, 8).remainder(251).sub(125)

    packed = layout.pack(quantize.Int8(weight.to(torch.int8), torch.ones(128)))

    assert packed.words.shape == (2, 2, 64)
    tile, step, column, byte = 1, 1, 5, 3
    assert packed.words.view(torch.int8).view(2, 2, 64, 4)[tile, step, column, byte] == weight[64 + 5, 4 + 3]


def test_nibbles_lie_as_documented() -> None:
    values = torch.arange(64 * 32).view(64, 32).remainder(16).sub(8).to(torch.int8)

    packed = layout.pack(quantize.Int4(values, torch.ones(64, 1).bfloat16(), 32, 32))

    byte = packed.words.view(torch.uint8).view(1, 4, 64, 4)[0, 2, 9, 1]
    assert int(byte & 15) - 8 == values[9, 16 + 1]
    assert int(byte >> 4) - 8 == values[9, 16 + 5]


@pytest.mark.parametrize("group", [32, 64, 128])
def test_int4_errs_by_half_a_step_at_most(group: int) -> None:
    weight = torch.randn(30, 300, generator=torch.Generator().manual_seed(1))

    made = quantize.int4(weight, group)

    steps = made.scales.float().abs().repeat_interleave(group, 1)[:, :300]
    # The largest value may be cut by one step of sixteen on its own side, and scales are rounded to 8 bits.
    assert ((made.dequantized() - weight).abs() <= steps * 1.05).all()
    assert ((made.dequantized() - weight).abs() <= steps * 0.51).float().mean() > 0.95


def test_int8_errs_by_half_a_step_at_most() -> None:
    weight = torch.randn(30, 300, generator=torch.Generator().manual_seed(1))
    weight[3] = 0

    made = quantize.int8(weight)

    assert ((made.dequantized() - weight).abs() <= made.scales[:, None] * 0.50001).all()
    assert made.values.min() >= -127


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_damaged_weights_are_refused(bad: float) -> None:
    weight = torch.ones(4, 4)
    weight[2, 2] = bad

    with pytest.raises(ValueError, match="the checkpoint is damaged"):
        quantize.int8(weight)
    with pytest.raises(ValueError, match="the checkpoint is damaged"):
        quantize.int4(weight, 32)


def test_what_has_no_layout_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no layout for torch\.float16"):
        layout.pack(torch.ones(2, 2, dtype=torch.float16))
    with pytest.raises(ValueError, match="with its scales"):
        layout.pack(torch.ones(2, 2, dtype=torch.int8))
    with pytest.raises(ValueError, match="sums overflow"):
        layout.pack(quantize.Int8(torch.ones(1, 70_000, dtype=torch.int8), torch.ones(1)))
    with pytest.raises(ValueError, match="groups of 48"):
        quantize.int4(torch.ones(2, 96), 48)
