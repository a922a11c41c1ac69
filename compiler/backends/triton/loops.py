"""Groups of elementwise operators and movements, as generated code: a statement an operator, each element computed once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch

from compiler.backends.triton.places import Index, broadcast, offset, reshaped, spread
from compiler.backends.triton.plans import Launch, NotPlanned, count, numbers, require, title_of
from compiler.backends.triton.sources import generated
from compiler.backends.triton.tiles import power_above
from compiler.ir.value import Value
from compiler.schedule.group import Group

BLOCK = 1024
"""Elements that a program computes."""
_CALLS = {
    "neg": "-{0}",
    "abs": "tl.abs({0})",
    "relu": "tl.maximum({0}, 0)",
    "not": "~{0}",
    "sqrt": "tl.sqrt({0})",
    "rsqrt": "tl.rsqrt({0})",
    "reciprocal": "1.0 / {0}",
    "exp": "tl.exp({0})",
    "log": "tl.log({0})",
    "sin": "tl.sin({0})",
    "cos": "tl.cos({0})",
    "tanh": "2.0 * tl.sigmoid(2.0 * {0}) - 1.0",
    "erf": "tl.erf({0})",
    "sigmoid": "tl.sigmoid({0})",
    "silu": "{0} * tl.sigmoid({0})",
    "gelu": "0.5 * {0} * (1.0 + tl.erf({0} * 0.7071067811865476))",
    "gelu_tanh": "{0} * tl.sigmoid(1.5957691216057308 * ({0} + 0.044715 * {0} * {0} * {0}))",
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "maximum": "tl.maximum({0}, {1}, propagate_nan=tl.PropagateNan.ALL)",
    "minimum": "tl.minimum({0}, {1}, propagate_nan=tl.PropagateNan.ALL)",
    "where": "tl.where({0}, {1}, {2})",
    "eq": "{0} == {1}",
    "ne": "{0} != {1}",
    "lt": "{0} < {1}",
    "le": "{0} <= {1}",
    "gt": "{0} > {1}",
    "ge": "{0} >= {1}",
    "and": "{0} & {1}",
    "or": "{0} | {1}",
}
_LOGICAL = {"not", "and", "or"}
_COMPARED = {"eq", "ne", "lt", "le", "gt", "ge"}
_TYPES = {
    torch.float32: "tl.float32",
    torch.float16: "tl.float16",
    torch.bfloat16: "tl.bfloat16",
    torch.int64: "tl.int64",
    torch.int32: "tl.int32",
    torch.int8: "tl.int8",
    torch.bool: "tl.int1",
}


def launch(group: Group) -> Launch:
    """Raises NotPlanned."""
    require(all(value.op != "write" for value in group.values), "a write that follows no product")
    read = _Read(group)
    sizes = [count(value.shape) for value in group.outputs]
    require(min(sizes) > 0, "a tensor of no elements")
    body: list[str] = []
    for number, (value, size) in enumerate(zip(group.outputs, sizes, strict=True)):
        elements = _Elements(read, f"i < {size}", f"e{number}_")
        name = elements.at(value, spread("i", numbers(value.shape)))
        body += [f"    # {value.type}", *(f"    {line}" for line in elements.statements)]
        body.append(f"    tl.store(out{number} + i, tl.cast({name}, {_TYPES[value.dtype]}), mask=i < {size})")
    names = [*read.names.values(), *(f"out{number}" for number in range(len(sizes)))]
    block = min(BLOCK, power_above(max(sizes)))
    text = "\n".join(
        [
            "@triton.jit",
            f"def loop({', '.join(names)}, BLOCK: tl.constexpr):",
            "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)",
            *body,
        ]
    )
    source = generated("loop", title_of(group), text)
    arguments = *read.names, *group.outputs
    return Launch(group, source, (-(-max(sizes) // block), 1, 1), arguments, {"BLOCK": block}, 4, 1)


class _Read:
    """What is in memory: by value, the name of the pointer to it."""

    def __init__(self, group: Group) -> None:
        given = [value for value in group.inputs if value.op not in ("constant", "arange", "full")]
        for value in (*given, *group.outputs):
            require(value.dtype in _TYPES, f"{value.op} gives {value.dtype}")
        self.names = {value: f"in{number}" for number, value in enumerate(given)}


class _Elements:
    """Statements that compute elements of one output."""

    def __init__(self, read: _Read, mask: str, stem: str) -> None:
        self._read, self._mask, self._stem = read, mask, stem
        self.statements: list[str] = []
        self._names: dict[tuple[Value, Index], str] = {}

    def at(self, value: Value, index: Index) -> str:
        """The name of the element of `value` at `index`, computed by the statements up to now. Raises NotPlanned."""
        key = value, index
        if key not in self._names:
            expression = self._expression(value, index)
            if not expression.isidentifier():
                self.statements.append(f"{self._stem}{len(self._names)} = {expression}")
                expression = f"{self._stem}{len(self._names)}"
            self._names[key] = expression
        return self._names[key]

    def _expression(self, value: Value, index: Index) -> str:
        if value in self._read.names:
            return self._loaded(value, index)
        if value.op in _CALLS:
            return self._called(value, index)
        if value.op in _SPECIAL:
            return _SPECIAL[value.op](self, value, index)
        raise NotPlanned(f"{value.op} is not computed one element at a time")

    def _loaded(self, value: Value, index: Index) -> str:
        place = offset(index, numbers(value.shape))
        pointer = self._read.names[value]
        found = f"tl.load({pointer})" if place == "0" else f"tl.load({pointer} + {place}, mask={self._mask}, other=0)"
        return f"{found}.to({_computed(value.dtype)})"

    def _called(self, value: Value, index: Index) -> str:
        asked = torch.bool if value.op in _LOGICAL else _kind_of_operands(value)
        operands = []
        for number, arg in enumerate(value.args):
            name = self.at(arg, broadcast(index, numbers(arg.shape)))
            kind = torch.bool if value.op == "where" and number == 0 else asked
            operands.append(name if _computed(arg.dtype) == _computed(kind) else f"tl.cast({name}, {_computed(kind)})")
        return _CALLS[value.op].format(*operands)

    def _cast(self, value: Value, index: Index) -> str:
        [arg] = value.args
        name = self.at(arg, broadcast(index, numbers(arg.shape)))
        if value.dtype == torch.bool:
            return f"{name} != 0"
        # What is computed in a wider type is rounded as the narrow one would be.
        narrow = f"tl.cast({name}, {_TYPES[value.dtype]})" if value.dtype in _TYPES else name
        return f"tl.cast({narrow}, {_computed(value.dtype)})"

    def _reshape(self, value: Value, index: Index) -> str:
        return self.at(value.args[0], reshaped(index, numbers(value.shape), numbers(value.args[0].shape)))

    def _permute(self, value: Value, index: Index) -> str:
        places = dict(zip(value["order"], index, strict=True))
        return self.at(value.args[0], tuple(places[dim] for dim in range(len(index))))

    def _expand(self, value: Value, index: Index) -> str:
        return self.at(value.args[0], broadcast(index, numbers(value.args[0].shape)))

    def _slice(self, value: Value, index: Index) -> str:
        dim, start = value["dim"], value["start"]
        moved = index[dim] if start == 0 else f"({index[dim]} + {start})"
        return self.at(value.args[0], (*index[:dim], moved, *index[dim + 1 :]))

    def _concat(self, value: Value, index: Index) -> str:
        """Whichever piece it is in; the others are read at a place that they have."""
        dim, pieces, start = value["dim"], [], 0
        for piece in value.args:
            size = numbers(piece.shape)[dim]
            place = _inside(f"{index[dim]} - {start}" if start else index[dim], size)
            pieces.append((start + size, self.at(piece, (*index[:dim], place, *index[dim + 1 :]))))
            start += size
        expression = pieces[-1][1]
        for end, name in reversed(pieces[:-1]):
            expression = f"tl.where({index[dim]} < {end}, {name}, {expression})"
        return expression

    def _take(self, value: Value, index: Index) -> str:
        source, places = value.args
        dim, rank = value["dim"], places.rank
        place = self.at(places, broadcast(index[dim : dim + rank], numbers(places.shape)))
        size = numbers(source.shape)[dim]
        # A place that there is not reads nothing beyond: it makes what no number is.
        found = self.at(source, (*index[:dim], _inside(place, size), *index[dim + rank :]))
        if not source.dtype.is_floating_point:
            return found
        return f'tl.where(({place} >= 0) & ({place} < {size}), {found}, float("nan"))'

    def _arange(self, value: Value, index: Index) -> str:
        return f"tl.cast({index[0]} + {value['start']}, {_computed(value.dtype)})"

    def _number(self, value: Value, index: Index) -> str:
        return f"tl.full((), {_literal(value['number'])}, {_computed(value.dtype)})"

    def _rope(self, value: Value, index: Index) -> str:
        source, cosine, sine = value.args
        half, last = numbers(value.shape)[-1] // 2, index[-1]
        whole = self.at(source, index)
        other = self.at(source, (*index[:-1], f"tl.where({last} < {half}, {last} + {half}, {last} - {half})"))
        turn = [self.at(arg, broadcast(index, numbers(arg.shape))) for arg in (cosine, sine)]
        return f"{whole} * {turn[0]} + tl.where({last} < {half}, -{other}, {other}) * {turn[1]}"

    def _gated(self, value: Value, index: Index) -> str:
        size, last = numbers(value.shape)[-1], index[-1]
        gate = self.at(value.args[0], index)
        up = self.at(value.args[0], (*index[:-1], f"({last} + {size})"))
        return f"({_CALLS[value['activation']].format(gate)}) * {up}"


_SPECIAL: Mapping[str, Callable[[_Elements, Value, Index], str]] = {
    "cast": _Elements._cast,
    "reshape": _Elements._reshape,
    "permute": _Elements._permute,
    "expand": _Elements._expand,
    "slice": _Elements._slice,
    "concat": _Elements._concat,
    "take": _Elements._take,
    "arange": _Elements._arange,
    "constant": _Elements._number,
    "full": _Elements._number,
    "rope": _Elements._rope,
    "gated": _Elements._gated,
}


def _inside(place: str, size: int) -> str:
    return f"tl.minimum(tl.maximum({place}, 0), {size - 1})"


def _computed(dtype: torch.dtype) -> str:
    """The type that an element is computed in."""
    require(dtype in _TYPES, f"elements of {dtype}")
    if dtype.is_floating_point:
        return "tl.float32"
    return "tl.int1" if dtype == torch.bool else "tl.int64"


def _literal(number: bool | int | float) -> str:
    if isinstance(number, float) and not math.isfinite(number):
        return f'float("{number}")'
    return repr(number)


def _kind_of_operands(value: Value) -> torch.dtype:
    """What operands are converted to: the kind of the result, or for a comparison their kind together."""
    if value.op not in _COMPARED:
        return torch.float32 if value.dtype.is_floating_point else value.dtype
    return torch.float32 if any(arg.dtype.is_floating_point for arg in value.args) else torch.int64
