"""Texts of different lengths packed one after another without padding: attention within each of them, and their means."""

from __future__ import annotations

import torch
from torch.nn import functional

from compiler.ir.op import Family, Op, require
from compiler.ir.size import divided
from compiler.ir.value import TensorType, Value


def _bounded(starts: Value, ends: Value) -> None:
    require(starts.rank == 1 and starts.shape == ends.shape, "each text has a start and an end")
    require(starts.dtype == ends.dtype == torch.int32, "starts and ends are int32")


def _ragged_attention(qkv: Value, starts: Value, ends: Value, *, heads: int, scale: float) -> TensorType:
    _bounded(starts, ends)
    require(qkv.rank == 2 and qkv.dtype.is_floating_point, "queries, keys and values are [tokens, 3 * heads * width]")
    width = divided(qkv.axis(1), 3)
    divided(width, heads)
    return TensorType((qkv.axis(0), width), qkv.dtype)


def _ragged_mean(values: Value, starts: Value, ends: Value) -> TensorType:
    _bounded(starts, ends)
    require(values.rank == 2 and values.dtype.is_floating_point, "what has a mean is [tokens, width]")
    return TensorType((starts.axis(0), values.axis(1)), values.dtype)


def _run_ragged_attention(
    qkv: torch.Tensor, starts: torch.Tensor, ends: torch.Tensor, *, heads: int, scale: float
) -> torch.Tensor:
    found = qkv.new_zeros(qkv.shape[0], qkv.shape[1] // 3)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        q, k, v = qkv[start:end].unflatten(1, (3, heads, -1)).permute(1, 2, 0, 3)
        found[start:end] = functional.scaled_dot_product_attention(q, k, v, scale=scale).transpose(0, 1).flatten(1)
    return found


def _run_ragged_mean(values: torch.Tensor, starts: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
    found = [values[start:end].mean(0) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    return torch.stack(found) if found else values.new_zeros(0, values.shape[1])


RAGGED = [
    # Text i is the tokens starts[i] to before ends[i], at least one; texts do not overlap. A token sees those of its text and no
    # others; of a token that no text has, the result is whatever it is.
    Op("ragged_attention", Family.COMPOUND, _ragged_attention, _run_ragged_attention),
    # [tokens, width] to [texts, width].
    Op("ragged_mean", Family.COMPOUND, _ragged_mean, _run_ragged_mean),
]
