"""Linear layers whose weights are of another type than what they are asked about.

What they mean is stated to the bit but for the order of sums, so that a kernel can be held against it.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from compiler.ir.op import Family, Op, require
from compiler.ir.value import TensorType, Value

LARGEST_BYTE = 127
SMALLEST_PEAK = 1e-36
"""Rows of smaller numbers count as rows of zeros: 127 over them would overflow."""


def _linear(value: Value, weight: Value) -> TensorType:
    require(value.dtype in (torch.float32, torch.bfloat16), "it is asked about float32 or bfloat16")
    require(weight.rank == 2 and value.axis(-1) == weight.axis(1), f"{value.type} does not meet {weight.type}")
    return TensorType((*value.shape[:-1], weight.axis(0)), torch.float32)


def _half_linear(value: Value, weight: Value, bias: Value | None = None) -> TensorType:
    require(weight.dtype == torch.bfloat16, "its weight is bfloat16")
    require(bias is None or (bias.shape == weight.shape[:1] and bias.dtype == torch.float32), "its bias is float32")
    return _linear(value, weight)


def _byte_linear(value: Value, weight: Value, scales: Value, bias: Value | None = None) -> TensorType:
    require(weight.dtype == torch.int8, "its weight is int8")
    require(scales.shape == weight.shape[:1] and scales.dtype == torch.float32, "each row of the weight has a scale")
    require(bias is None or (bias.shape == weight.shape[:1] and bias.dtype == torch.float32), "its bias is float32")
    return _linear(value, weight)


def _scaled_linear(value: Value, weight: Value, scales: Value, bias: Value | None = None) -> TensorType:
    require(weight.dtype in (torch.int8, torch.float8_e4m3fn), "its weight is int8 or float8")
    require(value.dtype.is_floating_point, "it is asked about fractions")
    require(scales.shape == weight.shape[:1] and scales.dtype == torch.float32, "each row of the weight has a scale")
    require(weight.rank == 2 and value.axis(-1) == weight.axis(1), f"{value.type} does not meet {weight.type}")
    require(bias is None or bias.shape == weight.shape[:1], "a bias has one number for each row of the weight")
    return TensorType((*value.shape[:-1], weight.axis(0)), value.dtype)


def _run_half_linear(value: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    return functional.linear(value.to(torch.bfloat16).float(), weight.float(), bias)


def in_bytes(value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Each row as whole numbers from -127 to 127, and the largest size of its elements, which is 127."""
    peaks = value.abs().amax(-1, keepdim=True)
    return torch.where(peaks < SMALLEST_PEAK, 0.0, (value * (LARGEST_BYTE / peaks)).round()), peaks


def _run_byte_linear(
    value: torch.Tensor, weight: torch.Tensor, scales: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    whole, peaks = in_bytes(value.float())
    # Sums of products of bytes are whole numbers below 2⁵³: float64 has them exactly.
    sums = functional.linear(whole.double(), weight.double()).float()
    found = sums * (scales * (peaks / LARGEST_BYTE))
    return found if bias is None else found + bias


def _run_scaled_linear(
    value: torch.Tensor, weight: torch.Tensor, scales: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    found = functional.linear(value.float(), weight.float()) * scales
    return (found if bias is None else found + bias.float()).to(value.dtype)


MIXED = [
    # Both take activations in float32 or bfloat16, and give float32.
    # The activations are rounded to bfloat16, products are summed in float32.
    Op("half_linear", Family.CONTRACTION, _half_linear, _run_half_linear),
    # Each row of activations is scaled to whole numbers from -127 to 127, products are summed as integers.
    Op("byte_linear", Family.CONTRACTION, _byte_linear, _run_byte_linear),
    # The weight alone is bytes: it is read as such, and multiplied in the type of the activations, which stay as they are.
    Op("scaled_linear", Family.CONTRACTION, _scaled_linear, _run_scaled_linear),
]
