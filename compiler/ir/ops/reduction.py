"""Operators that compute along dimensions: sums and the like, and what looks at a whole dimension to compute each element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from compiler.ir.op import Family, Op, axis_of, require
from compiler.ir.value import TensorType, TupleType, Value


def _reduced(value: Value, *, dims: tuple[int, ...], keep: bool) -> TensorType:
    axes = {axis_of(dim, value.rank) for dim in dims}
    shape = [1 if dim in axes else size for dim, size in enumerate(value.shape) if keep or dim not in axes]
    return TensorType(tuple(shape), value.dtype)


def _mean(value: Value, *, dims: tuple[int, ...], keep: bool) -> TensorType:
    require(value.dtype.is_floating_point, "a mean is of fractions")
    return _reduced(value, dims=dims, keep=keep)


def _sum(value: Value, *, dims: tuple[int, ...], keep: bool) -> TensorType:
    found = _reduced(value, dims=dims, keep=keep)
    return found if value.dtype.is_floating_point else TensorType(found.shape, torch.int64)


def _placed(value: Value, *, dim: int, keep: bool) -> TensorType:
    return TensorType(_reduced(value, dims=(dim,), keep=keep).shape, torch.int64)


def _along(value: Value, *, dim: int) -> TensorType:
    axis_of(dim, value.rank)
    return value.tensor


def _softmax(value: Value, *, dim: int) -> TensorType:
    require(value.dtype.is_floating_point, "a softmax is of fractions")
    return _along(value, dim=dim)


def _cumsum(value: Value, *, dim: int) -> TensorType:
    found = _along(value, dim=dim)
    return found if value.dtype.is_floating_point else TensorType(found.shape, torch.int64)


def _topk(value: Value, *, count: int, dim: int) -> TupleType:
    axis = axis_of(dim, value.rank)
    shape = (*value.shape[:axis], count, *value.shape[axis + 1 :])
    return TupleType((TensorType(shape, value.dtype), TensorType(shape, torch.int64)))


def _sort(value: Value, *, dim: int, descending: bool) -> TupleType:
    axis_of(dim, value.rank)
    return TupleType((value.tensor, TensorType(value.shape, torch.int64)))


def _over(run: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    def call(value: torch.Tensor, *, dims: tuple[int, ...], keep: bool) -> torch.Tensor:
        return run(value, dims, keepdim=keep)

    return call


def _run_sort(value: torch.Tensor, *, dim: int, descending: bool) -> Any:
    return torch.sort(value, dim=dim, descending=descending, stable=True)


REDUCTIONS = [
    Op("sum", Family.REDUCTION, _sum, _over(torch.sum)),
    Op("mean", Family.REDUCTION, _mean, _over(torch.mean)),
    Op("amax", Family.REDUCTION, _reduced, _over(torch.amax)),
    Op("amin", Family.REDUCTION, _reduced, _over(torch.amin)),
    Op("argmax", Family.REDUCTION, _placed, lambda value, *, dim, keep: value.argmax(dim, keepdim=keep)),
    Op("softmax", Family.REDUCTION, _softmax, lambda value, *, dim: value.softmax(dim)),
    Op("cumsum", Family.REDUCTION, _cumsum, lambda value, *, dim: value.cumsum(dim)),
    Op("topk", Family.REDUCTION, _topk, lambda value, *, count, dim: value.topk(count, dim)),
    Op("sort", Family.REDUCTION, _sort, _run_sort),
]
