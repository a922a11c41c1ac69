"""An ATen operator that the compiler knows nothing about, and leaves as it is."""

from __future__ import annotations

from typing import Any

import torch

from compiler.ir.op import Family, Op
from compiler.ir.value import Type, Value


class Place:
    """Stands in `layout` for the argument of this number."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and other.number == self.number

    def __hash__(self) -> int:
        return hash((Place, self.number))

    def __repr__(self) -> str:
        return f"%{self.number}"


def resolve(name: str) -> Any:
    """The operator of a name such as ``aten.index.Tensor``. Raises AttributeError."""
    found = torch.ops
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _infer(*_: Value, target: str, layout: tuple[Any, ...], type: Type) -> Type:  # noqa: A002
    return type


def _run(*args: Any, target: str, layout: tuple[Any, ...], type: Type) -> Any:  # noqa: A002
    positional, named = layout
    given = [_filled(part, args) for part in positional]
    return resolve(target)(*given, **{name: _filled(part, args) for name, part in named})


def _filled(part: Any, args: tuple[Any, ...]) -> Any:
    if isinstance(part, Place):
        return args[part.number]
    return [_filled(each, args) for each in part] if isinstance(part, tuple) else part


OPAQUE = [Op("opaque", Family.OPAQUE, _infer, _run)]
