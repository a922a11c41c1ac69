"""Weights of linear layers as bytes, each row with a scale of its own: half the memory that has to be read for a token."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import torch

from compiler.ir.ops import make
from compiler.ir.ops.mixed import LARGEST_BYTE
from compiler.ir.program import Program
from compiler.ir.value import TensorType, Value

SMALLEST = 1 << 12
"""Weights of fewer elements stay as they are: they cost no time."""


class Unquantizable(ValueError):
    """A weight has an infinity or is not a number: no scale could say that."""


def quantize(program: Program) -> Program:
    """Symmetric, from the weights alone: no text has to be seen for it. Activations become bytes as well, row by row, when they
    are asked about: what a processor multiplies fastest. Raises Unquantizable.
    """
    return _quantized(program, "byte_linear", {torch.float32})


def quantize_weights(program: Program) -> Program:
    """The same weights, and activations as they are: what a GPU reads fastest. Raises Unquantizable."""
    return _quantized(program, "scaled_linear", {torch.float32, torch.float16, torch.bfloat16})


def _quantized(program: Program, op: str, asked_in: Collection[torch.dtype]) -> Program:
    weights = dict(program.weights)
    replaced: dict[Value, Value] = {}
    for value in program.graph.values:
        if value.op in ("linear", "half_linear") and value.args[0].dtype in asked_in and _is_chosen(value):
            asked, weight, *bias = value.args
            name = str(weight["name"])
            weights |= _bytes(name, program.weights)
            replaced[value] = make(
                op,
                asked,
                make("weight", name=f"{name}.bytes", type=TensorType(weight.shape, torch.int8)),
                make("weight", name=f"{name}.scales", type=TensorType(weight.shape[:1], torch.float32)),
                *bias,
            )
    return replace(program, graph=program.graph.replaced(replaced), weights=weights).pruned()


def _is_chosen(linear: Value) -> bool:
    weight = linear.args[1]
    rows, columns = weight.shape
    known = isinstance(rows, int) and isinstance(columns, int)
    return weight.op == "weight" and known and rows * columns >= SMALLEST  # type: ignore[operator]


def _bytes(name: str, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    weight = weights[name].float()
    if not torch.isfinite(weight).all():
        raise Unquantizable(f"{name} holds what is no number; serve this checkpoint without quantization")
    scales = weight.abs().amax(1) / LARGEST_BYTE
    divisors = torch.where(scales == 0, 1.0, scales)
    return {
        f"{name}.bytes": (weight / divisors[:, None]).round().to(torch.int8),
        f"{name}.scales": scales,
    }
