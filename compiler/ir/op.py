"""What an operator is: a name, the type of its result, and how torch computes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import torch

from compiler.ir.size import Shape, Size
from compiler.ir.value import TensorType, Type, Value


class Illegal(ValueError):
    """An operator was asked to do what it cannot: the graph would mean nothing."""


class Family(Enum):
    LEAF = auto()
    """Takes nothing: what a program is given."""
    ELEMENTWISE = auto()
    """Each element of the result from the elements in its place, which are broadcast."""
    MOVEMENT = auto()
    """Elements where they were not before; none is computed."""
    REDUCTION = auto()
    """Along a dimension."""
    CONTRACTION = auto()
    """Sums of products: where the time goes."""
    COMPOUND = auto()
    """What several of the others are together, recognized or fused."""
    EFFECT = auto()
    """Changes a cache, or draws a number: is done once, and in its place."""
    OPAQUE = auto()
    """An ATen operator as it is."""


@dataclass(frozen=True, slots=True)
class Op:
    name: str
    family: Family
    infer: Callable[..., Type]
    """From the arguments (values) and attributes (by name) to the type of the result. Raises Illegal."""
    run: Callable[..., Any]
    """From tensors (numbers for constants) and attributes to the result, in torch: what the operator means."""


def require(condition: bool, message: str) -> None:
    """Raises Illegal."""
    if not condition:
        raise Illegal(message)


def axis_of(dim: int, rank: int) -> int:
    """`dim` from the front. Raises Illegal."""
    require(-rank <= dim < rank, f"there is no dimension {dim} in {rank}")
    return dim % rank


def broadcast(*shapes: Shape) -> Shape:
    """The shape of shapes together. A symbol fits itself and 1 alone. Raises Illegal."""
    rank = max(map(len, shapes), default=0)
    found: list[Size] = []
    for place in range(-rank, 0):
        sizes = {shape[place] for shape in shapes if len(shape) >= -place and shape[place] != 1}
        require(len(sizes) <= 1, f"shapes do not fit: {', '.join(str(list(map(str, shape))) for shape in shapes)}")
        found.append(next(iter(sizes), 1))
    return tuple(found)


def promoted(*args: Value) -> torch.dtype:
    """The dtype of tensors together, as torch promotes; a constant gives way to a tensor of its kind, as a Python number does."""
    tensors = [arg.dtype for arg in args if arg.op != "constant"]
    numbers = [arg.dtype for arg in args if arg.op == "constant"]
    if not tensors:
        return _together(numbers)
    found = _together(tensors)
    if any(number.is_floating_point for number in numbers) and not found.is_floating_point:
        return torch.get_default_dtype()
    if numbers and found == torch.bool:
        return _together(numbers)
    return found


def _together(dtypes: list[torch.dtype]) -> torch.dtype:
    found = dtypes[0]
    for dtype in dtypes[1:]:
        found = torch.promote_types(found, dtype)
    return found


def same_as(value: Value, *_: Value, **__: Any) -> TensorType:
    """An `infer` of operators whose result is as their first argument."""
    return value.tensor
