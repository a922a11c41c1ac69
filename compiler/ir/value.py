"""Values: what a program computes with. Two that are made alike are the same object, so equality is `is`, and a common
subexpression is common from the beginning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from types import MappingProxyType
from typing import Any
from weakref import WeakValueDictionary

import torch

from compiler.ir.size import Shape, Size

Attribute = Any
"""Whatever can be hashed and compared: numbers, texts, torch dtypes, tuples of them."""


@dataclass(frozen=True, slots=True)
class TensorType:
    shape: Shape
    dtype: torch.dtype

    def __str__(self) -> str:
        return f"{str(self.dtype).removeprefix('torch.')}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True, slots=True)
class TupleType:
    """What an operator with several results gives; `item` takes one of them out."""

    items: tuple[TensorType, ...]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.items))})"


Type = TensorType | TupleType


class Value:
    """The result of one operator. Never made but by `value`, never changed.

    A value of the operator `state` is a cache as the program found it, and the result of `write` the same cache afterwards:
    what must happen before what is said by who uses which, and by nothing else.
    """

    __slots__ = ("__weakref__", "args", "attributes", "op", "type")

    op: str
    args: tuple[Value, ...]
    attributes: Mapping[str, Attribute]
    type: Type

    def __getitem__(self, name: str) -> Attribute:
        return self.attributes[name]

    @property
    def shape(self) -> Shape:
        return self.tensor.shape

    @property
    def dtype(self) -> torch.dtype:
        return self.tensor.dtype

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def tensor(self) -> TensorType:
        """The type of a value that is one tensor."""
        if not isinstance(self.type, TensorType):
            raise TypeError(f"{self.op} gives several tensors: take one of them with `item`")
        return self.type

    def axis(self, number: int) -> Size:
        """The size of a dimension, counted from the front or, below 0, from the back."""
        return self.shape[number]

    def __repr__(self) -> str:
        return f"<{self.op} {self.type}>"


def intern(op: str, args: Iterable[Value], attributes: Mapping[str, Attribute], type_: Type) -> Value:
    """The one value of these parts. `compiler.ir.op.make` also checks them and works out the type; use that."""
    args = tuple(args)
    # An id stands for its object as long as somebody holds it, and the value holds its arguments.
    key = op, tuple(map(id, args)), tuple((name, _exact(attributes[name])) for name in sorted(attributes)), type_
    with _lock:
        found = _interned.get(key)
        if found is None:
            found = Value()
            found.op, found.args, found.attributes, found.type = op, args, MappingProxyType(dict(attributes)), type_
            _interned[key] = found
    return found


def _exact(content: Attribute) -> Any:
    """What tells attributes apart: 1, 1.0 and True are equal to Python, and so are 0.0 and -0.0."""
    if isinstance(content, tuple):
        return tuple(map(_exact, content))
    return type(content), content.hex() if isinstance(content, float) else content


_interned: WeakValueDictionary[tuple[Any, ...], Value] = WeakValueDictionary()
_lock = Lock()
