"""The element of a value at a place: one statement an operator, each computed once, and movements that cost nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import torch

from compiler.elements import places
from compiler.elements.places import Index, broadcast, term
from compiler.ir.size import Size
from compiler.ir.value import Value

_LOGICAL = {"not", "and", "or"}
_COMPARED = {"eq", "ne", "lt", "le", "gt", "ge"}


class Elements(ABC):
    """Statements that compute elements, in the body of one loop; a language says how each of them is written."""

    CALLS: ClassVar[Mapping[str, str]]
    """Operators that compute each element from those of the operands at its place, as expressions of them."""
    DIVIDE: ClassVar[str]
    """The division of whole numbers."""

    def __init__(self, stem: str = "e") -> None:
        self.statements: list[str] = []
        self.turns: set[int] = set()
        """Places along the last dimension at which what is done changes: a loop over it that is cut there has no conditions."""
        self._stem = stem
        self._names: dict[tuple[Value, Index], str] = {}

    def at(self, value: Value, index: Index) -> str:
        """The name of the element of `value` at `index`, computed by the statements up to now.

        Raises what the language says of a value that it does not compute.
        """
        key = value, index
        if key not in self._names:
            expression = self._expression(value, index)
            if not expression.isidentifier():
                name = f"{self._stem}{len(self._names)}"
                self.statements.append(self.named(name, expression, value))
                expression = name
            self._names[key] = expression
        return self._names[key]

    @classmethod
    def computes(cls, op: str) -> bool:
        """Whether an element of an operator's result can be computed by itself."""
        return op in cls.CALLS or op in _SPECIAL

    @classmethod
    def spread(cls, number: str, shape: Sequence[Size]) -> Index:
        """The place of the element with this number."""
        return places.spread(number, shape, cls.DIVIDE)

    # What a language says.

    @abstractmethod
    def loaded(self, value: Value, index: Index) -> str | None:
        """The element, of a value that is in memory; of another None."""

    @abstractmethod
    def named(self, name: str, expression: str, value: Value) -> str:
        """The statement that keeps an element."""

    @abstractmethod
    def converted(self, name: str, have: torch.dtype, kind: torch.dtype) -> str:
        """An element in the type that elements of `kind` are computed in."""

    @abstractmethod
    def rounded(self, name: str, have: torch.dtype, dtype: torch.dtype) -> str:
        """What a cast to `dtype` leaves of an element, in the type that it is computed in."""

    @abstractmethod
    def literal(self, number: bool | int | float, dtype: torch.dtype) -> str: ...

    @abstractmethod
    def whole(self, place: str, dtype: torch.dtype) -> str:
        """A place as an element of `dtype`."""

    @abstractmethod
    def chosen(self, condition: str, one: str, other: str) -> str: ...

    @abstractmethod
    def both(self, condition: str, other: str) -> str: ...

    @abstractmethod
    def inside(self, place: str, size: Size) -> str:
        """The place itself if there is such a one, or the nearest."""

    @abstractmethod
    def number(self, size: Size) -> int:
        """Raises what the language says of a size with symbols."""

    @abstractmethod
    def refused(self, message: str) -> Exception: ...

    # What is the same in all.

    def _expression(self, value: Value, index: Index) -> str:
        found = self.loaded(value, index)
        if found is not None:
            return found
        if value.op in self.CALLS:
            return self._called(value, index)
        if value.op in _SPECIAL:
            return _SPECIAL[value.op](self, value, index)
        raise self.refused(f"{value.op} is not computed one element at a time")

    def _called(self, value: Value, index: Index) -> str:
        asked = torch.bool if value.op in _LOGICAL else _kind_of_operands(value)
        operands = []
        for number, arg in enumerate(value.args):
            name = self.at(arg, broadcast(index, arg.shape))
            kind = torch.bool if value.op == "where" and number == 0 else asked
            operands.append(self.converted(name, arg.dtype, kind))
        return self.CALLS[value.op].format(*operands)

    def _cast(self, value: Value, index: Index) -> str:
        [arg] = value.args
        return self.rounded(self.at(arg, broadcast(index, arg.shape)), arg.dtype, value.dtype)

    def _reshape(self, value: Value, index: Index) -> str:
        return self.at(value.args[0], places.reshaped(index, value.shape, value.args[0].shape, self.DIVIDE))

    def _permute(self, value: Value, index: Index) -> str:
        moved = dict(zip(value["order"], index, strict=True))
        return self.at(value.args[0], tuple(moved[dim] for dim in range(len(index))))

    def _expand(self, value: Value, index: Index) -> str:
        return self.at(value.args[0], broadcast(index, value.args[0].shape))

    def _slice(self, value: Value, index: Index) -> str:
        dim, start = value["dim"], value["start"]
        moved = index[dim] if start == 0 else f"({index[dim]} + {term(start)})"
        return self.at(value.args[0], (*index[:dim], moved, *index[dim + 1 :]))

    def _concat(self, value: Value, index: Index) -> str:
        """Whichever piece it is in; the others are read at a place that they have."""
        dim = value["dim"]
        pieces: list[tuple[Size, str]] = []
        start: Size = 0
        for piece in value.args:
            size = piece.axis(dim)
            place = self.inside(index[dim] if start == 0 else f"{index[dim]} - {term(start)}", size)
            pieces.append((start + size, self.at(piece, (*index[:dim], place, *index[dim + 1 :]))))
            start = start + size
        expression = pieces[-1][1]
        for end, name in reversed(pieces[:-1]):
            expression = self.chosen(f"{index[dim]} < {term(end)}", name, expression)
        return expression

    def _take(self, value: Value, index: Index) -> str:
        source, taken = value.args
        dim, rank = value["dim"], taken.rank
        place = self.at(taken, broadcast(index[dim : dim + rank], taken.shape))
        size = source.axis(dim)
        # A place that there is not reads nothing beyond: it makes what no number is.
        found = self.at(source, (*index[:dim], self.inside(place, size), *index[dim + rank :]))
        if not source.dtype.is_floating_point:
            return found
        is_there = self.both(f"{place} >= 0", f"{place} < {term(size)}")
        return self.chosen(is_there, found, self.literal(float("nan"), torch.float32))

    def _arange(self, value: Value, index: Index) -> str:
        return self.whole(f"{index[0]} + {value['start']}", value.dtype)

    def _number(self, value: Value, index: Index) -> str:
        return self.literal(value["number"], value.dtype)

    def _rope(self, value: Value, index: Index) -> str:
        source, cosine, sine = value.args
        half, last = self.number(value.axis(-1)) // 2, index[-1]
        is_first = f"{last} < {half}"
        self.turns.add(half)
        whole = self.at(source, index)
        other = self.at(source, (*index[:-1], self.chosen(is_first, f"{last} + {half}", f"{last} - {half}")))
        turn = [self.at(arg, broadcast(index, arg.shape)) for arg in (cosine, sine)]
        return f"{whole} * {turn[0]} + {self.chosen(is_first, f'-{other}', other)} * {turn[1]}"

    def _gated(self, value: Value, index: Index) -> str:
        size, last = self.number(value.axis(-1)), index[-1]
        gate = self.at(value.args[0], index)
        up = self.at(value.args[0], (*index[:-1], f"({last} + {size})"))
        return f"({self.CALLS[value['activation']].format(gate)}) * {up}"


_SPECIAL: Mapping[str, Callable[[Elements, Value, Index], str]] = {
    "cast": Elements._cast,
    "reshape": Elements._reshape,
    "permute": Elements._permute,
    "expand": Elements._expand,
    "slice": Elements._slice,
    "concat": Elements._concat,
    "take": Elements._take,
    "arange": Elements._arange,
    "constant": Elements._number,
    "full": Elements._number,
    "rope": Elements._rope,
    "gated": Elements._gated,
}
"""Operators whose elements need more than those of the operands at the same place, or none."""


def _kind_of_operands(value: Value) -> torch.dtype:
    """What operands are converted to: the kind of the result, or for a comparison their kind together."""
    if value.op not in _COMPARED:
        return torch.float32 if value.dtype.is_floating_point else value.dtype
    return torch.float32 if any(arg.dtype.is_floating_point for arg in value.args) else torch.int64
