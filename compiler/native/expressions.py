"""The element of a value at a place, as C++: one statement an operator, each computed once."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from compiler.ir.size import Size
from compiler.ir.value import Value
from compiler.native.indexing import Index, broadcast, offset, reshaped
from compiler.native.storage import NotNative, Storage, c_type, cpp, number

_CALLS = {
    "neg": "-({0})",
    "abs": "std::abs({0})",
    "relu": "relu({0})",
    "not": "!({0})",
    "sqrt": "std::sqrt({0})",
    "rsqrt": "1.0f / std::sqrt({0})",
    "reciprocal": "1.0f / {0}",
    "exp": "std::exp({0})",
    "log": "std::log({0})",
    "sin": "std::sin({0})",
    "cos": "std::cos({0})",
    "tanh": "std::tanh({0})",
    "erf": "std::erf({0})",
    "sigmoid": "1.0f / (1.0f + std::exp(-({0})))",
    "silu": "silu({0})",
    "gelu": "gelu({0})",
    "gelu_tanh": "gelu_tanh({0})",
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "pow": "std::pow({0}, {1})",
    "maximum": "larger({0}, {1})",
    "minimum": "lesser({0}, {1})",
    "where": "{0} ? {1} : {2}",
    "eq": "{0} == {1}",
    "ne": "{0} != {1}",
    "lt": "{0} < {1}",
    "le": "{0} <= {1}",
    "gt": "{0} > {1}",
    "ge": "{0} >= {1}",
    "and": "{0} && {1}",
    "or": "{0} || {1}",
}
_LOGICAL = {"not", "and", "or"}
_COMPARED = {"eq", "ne", "lt", "le", "gt", "ge"}


class Elements:
    """Statements that compute elements, in the body of one loop nest."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.statements: list[str] = []
        self._names: dict[tuple[Value, Index], str] = {}

    def at(self, value: Value, index: Index) -> str:
        """The name of the element of `value` at `index`, computed by the statements up to now. Raises NotNative."""
        key = value, index
        if key not in self._names:
            expression = self._expression(value, index)
            if expression.isidentifier():
                self._names[key] = expression
            else:
                name = f"e{len(self._names)}"
                self.statements.append(f"const {computed(value)} {name} = {expression};")
                self._names[key] = name
        return self._names[key]

    def _expression(self, value: Value, index: Index) -> str:
        if value in self._storage:
            return self._loaded(value, index)
        if value.op in _CALLS:
            return self._called(value, index)
        if value.op in _SPECIAL:
            return _SPECIAL[value.op](self, value, index)
        raise NotNative(f"{value.op} cannot be computed one element at a time")

    def _loaded(self, value: Value, index: Index) -> str:
        place = f"{self._storage.pointer(value)}[{offset(index, value.shape)}]"
        return f"to_float({place})" if value.dtype == torch.bfloat16 else place

    def _called(self, value: Value, index: Index) -> str:
        asked = torch.bool if value.op in _LOGICAL else _kind_of_operands(value)
        operands = []
        for place, arg in enumerate(value.args):
            name = self.at(arg, broadcast(index, arg.shape))
            is_condition = value.op == "where" and place == 0
            operands.append(name if is_condition else _converted(name, arg, asked))
        return _CALLS[value.op].format(*operands)

    def _cast(self, value: Value, index: Index) -> str:
        [arg] = value.args
        name = self.at(arg, broadcast(index, arg.shape))
        if value.dtype == torch.bfloat16:
            return f"rounded_to_half({_converted(name, arg, torch.float32)})"
        return f"({computed(value)})({name})"

    def _reshape(self, value: Value, index: Index) -> str:
        return self.at(value.args[0], reshaped(index, value.shape, value.args[0].shape))

    def _permute(self, value: Value, index: Index) -> str:
        places = dict(zip(value["order"], index, strict=True))
        return self.at(value.args[0], tuple(places[dim] for dim in range(len(index))))

    def _expand(self, value: Value, index: Index) -> str:
        return self.at(value.args[0], broadcast(index, value.args[0].shape))

    def _slice(self, value: Value, index: Index) -> str:
        dim, start = value["dim"], value["start"]
        moved = index[dim] if start == 0 else f"({index[dim]} + {cpp(start)})"
        return self.at(value.args[0], (*index[:dim], moved, *index[dim + 1 :]))

    def _concat(self, value: Value, index: Index) -> str:
        """Whichever piece it is in; the others are read at a place that they have."""
        dim = value["dim"]
        pieces: list[tuple[Size, str]] = []
        start: Size = 0
        for piece in value.args:
            size = piece.axis(dim)
            place = f"inside({index[dim]} - {cpp(start)}, {cpp(size)})"
            pieces.append((start + size, self.at(piece, (*index[:dim], place, *index[dim + 1 :]))))
            start = start + size
        expression = pieces[-1][1]
        for end, name in reversed(pieces[:-1]):
            expression = f"{index[dim]} < {cpp(end)} ? {name} : {expression}"
        return expression

    def _take(self, value: Value, index: Index) -> str:
        source, places = value.args
        dim, rank = value["dim"], places.rank
        place = self.at(places, index[dim : dim + rank])
        size = source.axis(dim)
        # A place that there is not reads nothing beyond: it makes what no number is.
        safe = f"inside({place}, {cpp(size)})"
        found = self.at(source, (*index[:dim], safe, *index[dim + rank :]))
        if not source.dtype.is_floating_point:
            return found
        return f"{place} >= 0 && {place} < {cpp(size)} ? {found} : NAN"

    def _arange(self, value: Value, index: Index) -> str:
        return f"({computed(value)})({index[0]} + {value['start']})"

    def _number(self, value: Value, index: Index) -> str:
        return literal(value["number"], value)

    def _rope(self, value: Value, index: Index) -> str:
        source, cosine, sine = value.args
        half, last = number(value.axis(-1)) // 2, index[-1]
        whole = self.at(source, index)
        other = self.at(source, (*index[:-1], f"({last} < {half} ? {last} + {half} : {last} - {half})"))
        turn = [self.at(arg, broadcast(index, arg.shape)) for arg in (cosine, sine)]
        return f"{whole} * {turn[0]} + ({last} < {half} ? -{other} : {other}) * {turn[1]}"

    def _gated(self, value: Value, index: Index) -> str:
        size, last = number(value.axis(-1)), index[-1]
        gate = self.at(value.args[0], index)
        up = self.at(value.args[0], (*index[:-1], f"({last} + {size})"))
        return f"{_CALLS[value['activation']].format(gate)} * {up}"


_SPECIAL: dict[str, Callable[[Elements, Value, Index], str]] = {
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
ELEMENTWISE = frozenset(_CALLS) | frozenset(_SPECIAL)
"""Operators of which an element can be computed by itself."""


def computed(value: Value) -> str:
    """The C++ type that an element is computed in."""
    c_type(value)
    if value.dtype.is_floating_point:
        return "float"
    return "bool" if value.dtype == torch.bool else "int64_t"


def literal(number: bool | int | float, value: Value) -> str:
    if value.dtype == torch.bool or isinstance(number, bool):
        return "true" if number else "false"
    if not value.dtype.is_floating_point:
        return f"INT64_C({int(number)})"
    if math.isnan(number):
        return "NAN"
    if math.isinf(number):
        return "INFINITY" if number > 0 else "-INFINITY"
    text = repr(float(number))
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def _kind_of_operands(value: Value) -> torch.dtype:
    """What operands are converted to: the kind of the result, or for a comparison their kind together."""
    if value.op not in _COMPARED:
        return torch.float32 if value.dtype.is_floating_point else value.dtype
    return torch.float32 if any(arg.dtype.is_floating_point for arg in value.args) else torch.int64


def _converted(name: str, arg: Value, kind: torch.dtype) -> str:
    if kind == torch.bool:
        return name if arg.dtype == torch.bool else f"({name} != 0)"
    if kind.is_floating_point:
        return name if arg.dtype.is_floating_point else f"(float){name}"
    return name if not arg.dtype.is_floating_point and arg.dtype != torch.bool else f"(int64_t){name}"
