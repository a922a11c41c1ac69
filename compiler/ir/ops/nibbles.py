"""Linear layers whose weights are whole numbers from -8 to 7, each few neighbours along a row with a scale of their own."""

from __future__ import annotations

import torch
from torch.nn.functional import linear, pad

from compiler.ir.op import Family, Op, require
from compiler.ir.ops.mixed import LARGEST_BYTE, in_bytes
from compiler.ir.value import TensorType, Value


def _nibble_linear(value: Value, weight: Value, scales: Value, bias: Value | None = None, *, group: int) -> TensorType:
    columns, wide = value.axis(-1), weight.axis(1)
    require(value.dtype == torch.float32, "it is asked about float32")
    require(weight.rank == 2 and weight.dtype == torch.int8, "its weight is a matrix of int8")
    require(isinstance(columns, int) and wide == columns + -columns % group, "rows of its weight are whole groups")
    require(scales.shape == (weight.axis(0), wide // group), "each group has a scale")  # type: ignore[operator]
    require(scales.dtype == torch.bfloat16, "scales are bfloat16")
    require(bias is None or (bias.shape == weight.shape[:1] and bias.dtype == torch.float32), "its bias is float32")
    return TensorType((*value.shape[:-1], weight.axis(0)), torch.float32)


def _run_nibble_linear(
    value: torch.Tensor,
    weight: torch.Tensor,
    scales: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    group: int,
) -> torch.Tensor:
    whole, peaks = in_bytes(value)
    whole = pad(whole, (0, weight.shape[1] - whole.shape[-1])).double()
    total = value.new_zeros(*value.shape[:-1], weight.shape[0])
    for number, own in enumerate(scales.float().unbind(1)):
        columns = slice(number * group, (number + 1) * group)
        # Sums of products of whole numbers are exact.
        total += linear(whole[..., columns], weight[:, columns].double()).float() * own
    found = total * (peaks / LARGEST_BYTE)
    return found if bias is None else found + bias


NIBBLES = [
    # Each row of activations is scaled to whole numbers from -127 to 127; products are summed as integers over a group of
    # neighbours, and groups in float32.
    Op("nibble_linear", Family.CONTRACTION, _nibble_linear, _run_nibble_linear),
]
