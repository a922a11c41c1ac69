"""Groups of elementwise operators and movements, as generated code: a statement an operator, each element computed once."""

from __future__ import annotations

import math

import torch

from compiler.backends.triton.plans import Launch, NotPlanned, count, numbers, require, title_of
from compiler.backends.triton.sources import generated
from compiler.backends.triton.tiles import power_above
from compiler.elements.elements import Elements
from compiler.elements.places import Index, offset
from compiler.ir.size import Size
from compiler.ir.value import Value
from compiler.schedule.group import Group

BLOCK = 1024
"""Elements that a program computes."""
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
        name = elements.at(value, elements.spread("i", value.shape))
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


class _Elements(Elements):
    """Statements that compute elements of one output."""

    CALLS = {
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
    DIVIDE = "//"

    def __init__(self, read: _Read, mask: str, stem: str) -> None:
        super().__init__(stem)
        self._read, self._mask = read, mask

    def loaded(self, value: Value, index: Index) -> str | None:
        shape = numbers(value.shape)
        if value not in self._read.names:
            return None
        place = offset(index, shape)
        pointer = self._read.names[value]
        found = f"tl.load({pointer})" if place == "0" else f"tl.load({pointer} + {place}, mask={self._mask}, other=0)"
        return f"{found}.to({_computed(value.dtype)})"

    def named(self, name: str, expression: str, value: Value) -> str:
        return f"{name} = {expression}"

    def converted(self, name: str, have: torch.dtype, kind: torch.dtype) -> str:
        return name if _computed(have) == _computed(kind) else f"tl.cast({name}, {_computed(kind)})"

    def rounded(self, name: str, have: torch.dtype, dtype: torch.dtype) -> str:
        if dtype == torch.bool:
            return f"{name} != 0"
        # What is computed in a wider type is rounded as the narrow one would be.
        narrow = f"tl.cast({name}, {_TYPES[dtype]})" if dtype in _TYPES else name
        return f"tl.cast({narrow}, {_computed(dtype)})"

    def literal(self, number: bool | int | float, dtype: torch.dtype) -> str:
        is_odd = isinstance(number, float) and not math.isfinite(number)
        text = f'float("{number}")' if is_odd else repr(number)
        return f"tl.full((), {text}, {_computed(dtype)})"

    def whole(self, place: str, dtype: torch.dtype) -> str:
        return f"tl.cast({place}, {_computed(dtype)})"

    def chosen(self, condition: str, one: str, other: str) -> str:
        return f"tl.where({condition}, {one}, {other})"

    def both(self, condition: str, other: str) -> str:
        return f"({condition}) & ({other})"

    def inside(self, place: str, size: Size) -> str:
        return f"tl.minimum(tl.maximum({place}, 0), {self.number(size) - 1})"

    def number(self, size: Size) -> int:
        [known] = numbers((size,))
        return known

    def refused(self, message: str) -> NotPlanned:
        return NotPlanned(message)


def _computed(dtype: torch.dtype) -> str:
    """The type that an element is computed in."""
    require(dtype in _TYPES, f"elements of {dtype}")
    if dtype.is_floating_point:
        return "tl.float32"
    return "tl.int1" if dtype == torch.bool else "tl.int64"
