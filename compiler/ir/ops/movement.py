"""Operators that only move elements."""

from __future__ import annotations

import torch

from compiler.ir.op import Family, Op, axis_of, require
from compiler.ir.size import Shape, Size, product
from compiler.ir.value import TensorType, Value


def _reshape(value: Value, *, shape: Shape) -> TensorType:
    require(product(shape) == product(value.shape), f"{value.type} has not the elements of {list(map(str, shape))}")
    return TensorType(shape, value.dtype)


def _permute(value: Value, *, order: tuple[int, ...]) -> TensorType:
    require(sorted(order) == list(range(value.rank)), f"{order} is no order of {value.rank} dimensions")
    return TensorType(tuple(value.axis(dim) for dim in order), value.dtype)


def _expand(value: Value, *, shape: Shape) -> TensorType:
    require(len(shape) >= value.rank, "`expand` takes no dimension away")
    kept = shape[len(shape) - value.rank :]
    fits = all(size in (1, wanted) for size, wanted in zip(value.shape, kept, strict=True))
    require(fits, f"{value.type} cannot be expanded to {list(map(str, shape))}")
    return TensorType(shape, value.dtype)


def _slice(value: Value, *, dim: int, start: Size, end: Size) -> TensorType:
    axis_of(dim, value.rank)
    whole = value.axis(dim)
    if all(isinstance(size, int) for size in (start, end, whole)):
        require(0 <= start <= end <= whole, f"there is no {start} to {end} in {whole}")  # type: ignore[operator]
    return TensorType((*value.shape[:dim], end - start, *value.shape[dim + 1 :]), value.dtype)


def _concat(*values: Value, dim: int) -> TensorType:
    first = values[0]
    axis_of(dim, first.rank)
    others = {(value.shape[:dim], value.shape[dim + 1 :], value.dtype) for value in values}
    require(len(others) == 1, "only what is alike in all other dimensions can be put together")
    total: Size = 0
    for value in values:
        total = total + value.axis(dim)
    return TensorType((*first.shape[:dim], total, *first.shape[dim + 1 :]), first.dtype)


def _take(value: Value, places: Value, *, dim: int) -> TensorType:
    axis_of(dim, value.rank)
    require(places.dtype in (torch.int32, torch.int64), "places are whole numbers")
    return TensorType((*value.shape[:dim], *places.shape, *value.shape[dim + 1 :]), value.dtype)


def _item(value: Value, *, number: int) -> TensorType:
    items = getattr(value.type, "items", ())
    require(0 <= number < len(items), f"there is no result {number} of {value.op}")
    found: TensorType = items[number]
    return found


def _run_slice(value: torch.Tensor, *, dim: int, start: int, end: int) -> torch.Tensor:
    return value.narrow(dim, start, end - start)


def _run_take(value: torch.Tensor, places: torch.Tensor, *, dim: int) -> torch.Tensor:
    found = value.index_select(dim, places.reshape(-1))
    return found.reshape(*value.shape[:dim], *places.shape, *value.shape[dim + 1 :])


MOVEMENT = [
    Op("reshape", Family.MOVEMENT, _reshape, lambda value, *, shape: value.reshape(shape)),
    Op("permute", Family.MOVEMENT, _permute, lambda value, *, order: value.permute(order)),
    Op("expand", Family.MOVEMENT, _expand, lambda value, *, shape: value.expand(shape)),
    Op("slice", Family.MOVEMENT, _slice, _run_slice),
    Op("concat", Family.MOVEMENT, _concat, lambda *values, dim: torch.cat(values, dim)),
    # Rows of an embedding, entries of a table: the places' own dimensions stand where `dim` was.
    Op("take", Family.MOVEMENT, _take, _run_take),
    Op("item", Family.MOVEMENT, _item, lambda value, *, number: value[number]),
]
