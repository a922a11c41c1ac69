"""What is there without arguments: inputs of a call, weights, caches as they stand, numbers, and tensors made of numbers."""

from __future__ import annotations

from typing import Any

import torch

from compiler.ir.op import Family, Op
from compiler.ir.size import Shape, Size
from compiler.ir.value import TensorType


def _given(*_: Any, **__: Any) -> Any:
    raise LookupError("a leaf is what the interpreter is given, and not computed")


def _named(*, name: str, type: TensorType) -> TensorType:  # noqa: A002  # an attribute, called what it is
    return type


def _constant(*, number: bool | int | float) -> TensorType:
    kinds = {bool: torch.bool, int: torch.int64, float: torch.float32}
    return TensorType((), kinds[type(number)])


def _arange(*, start: int, size: Size, dtype: torch.dtype) -> TensorType:
    return TensorType((size,), dtype)


def _full(*, shape: Shape, number: bool | int | float, dtype: torch.dtype) -> TensorType:
    return TensorType(shape, dtype)


def _run_arange(*, start: int, size: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.arange(start, start + size, dtype=dtype)


def _run_full(*, shape: tuple[int, ...], number: bool | int | float, dtype: torch.dtype) -> torch.Tensor:
    return torch.full(shape, number, dtype=dtype)


LEAVES = [
    Op("input", Family.LEAF, _named, _given),
    Op("weight", Family.LEAF, _named, _given),
    Op("state", Family.LEAF, _named, _given),
    # A number as Python has it: it takes the dtype of the tensor that it meets.
    Op("constant", Family.LEAF, _constant, lambda *, number: number),
    Op("arange", Family.LEAF, _arange, _run_arange),
    Op("full", Family.LEAF, _full, _run_full),
]
