"""Operators that compute each element by itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.nn import functional

from compiler.ir.op import Family, Op, broadcast, promoted, require
from compiler.ir.value import TensorType, Value

COMMUTATIVE = frozenset({"add", "mul", "maximum", "minimum", "eq", "ne", "and", "or"})


def _usual(*args: Value) -> TensorType:
    return TensorType(broadcast(*(arg.shape for arg in args)), promoted(*args))


def _fractional(*args: Value) -> TensorType:
    dtype = promoted(*args)
    return TensorType(broadcast(*(arg.shape for arg in args)), dtype if dtype.is_floating_point else torch.float32)


def _compared(*args: Value) -> TensorType:
    return TensorType(broadcast(*(arg.shape for arg in args)), torch.bool)


def _where(condition: Value, one: Value, other: Value) -> TensorType:
    require(condition.dtype == torch.bool, "`where` asks a truth value")
    shape = broadcast(condition.shape, one.shape, other.shape)
    return TensorType(shape, promoted(one, other))


def _cast(value: Value, *, dtype: torch.dtype) -> TensorType:
    return TensorType(value.shape, dtype)


def _run_cast(value: Any, *, dtype: torch.dtype) -> torch.Tensor:
    return torch.as_tensor(value).to(dtype)


def _tensors(run: Callable[..., Any]) -> Callable[..., Any]:
    """For functions that take no numbers: a constant becomes a tensor without a dimension, of the other's dtype."""

    def call(*args: Any) -> Any:
        dtype = next((arg.dtype for arg in args if isinstance(arg, torch.Tensor)), None)
        return run(*(arg if isinstance(arg, torch.Tensor) else torch.tensor(arg, dtype=dtype) for arg in args))

    return call


def _ops(infer: Callable[..., TensorType], **runs: Callable[..., Any]) -> list[Op]:
    return [Op(name.rstrip("_"), Family.ELEMENTWISE, infer, run) for name, run in runs.items()]


ELEMENTWISE = [
    *_ops(_usual, add=torch.add, sub=torch.sub, mul=torch.mul, pow=torch.pow, neg=torch.neg, abs=torch.abs),
    *_ops(_usual, maximum=_tensors(torch.maximum), minimum=_tensors(torch.minimum), relu=functional.relu),
    *_ops(_fractional, div=torch.div, reciprocal=torch.reciprocal, sqrt=torch.sqrt, rsqrt=torch.rsqrt),
    *_ops(_fractional, exp=torch.exp, log=torch.log, sin=torch.sin, cos=torch.cos, tanh=torch.tanh, erf=torch.erf),
    *_ops(_fractional, sigmoid=torch.sigmoid, silu=functional.silu, gelu=functional.gelu),
    *_ops(_fractional, gelu_tanh=partial(functional.gelu, approximate="tanh")),
    *_ops(_compared, eq=torch.eq, ne=torch.ne, lt=torch.lt, le=torch.le, gt=torch.gt, ge=torch.ge),
    *_ops(_compared, not_=torch.logical_not, and_=torch.logical_and, or_=torch.logical_or),
    Op("where", Family.ELEMENTWISE, _where, torch.where),
    Op("cast", Family.ELEMENTWISE, _cast, _run_cast),
]
