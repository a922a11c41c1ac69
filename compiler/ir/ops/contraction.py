"""Operators that sum products."""

from __future__ import annotations

import torch
from torch.nn import functional

from compiler.ir.op import Family, Op, broadcast, require
from compiler.ir.value import TensorType, Value


def _linear(value: Value, weight: Value, bias: Value | None = None) -> TensorType:
    require(weight.rank == 2, "a weight is [out, in]")
    require(value.rank > 0 and value.axis(-1) == weight.axis(1), f"{value.type} does not meet {weight.type}")
    require(value.dtype == weight.dtype, f"a linear layer of {weight.dtype} is asked about {value.dtype}")
    require(bias is None or bias.shape == weight.shape[:1], "a bias has one number for each row of the weight")
    return TensorType((*value.shape[:-1], weight.axis(0)), value.dtype)


def _matmul(one: Value, other: Value) -> TensorType:
    require(one.rank >= 2 and other.rank >= 2, "matrices have two dimensions; `reshape` makes one of a vector")
    require(one.axis(-1) == other.axis(-2), f"{one.type} does not meet {other.type}")
    require(one.dtype == other.dtype, f"{one.dtype} and {other.dtype} are not multiplied with each other")
    return TensorType((*broadcast(one.shape[:-2], other.shape[:-2]), one.axis(-2), other.axis(-1)), one.dtype)


CONTRACTIONS = [
    # [..., in] and [out, in] to [..., out].
    Op("linear", Family.CONTRACTION, _linear, functional.linear),
    Op("matmul", Family.CONTRACTION, _matmul, torch.matmul),
]
