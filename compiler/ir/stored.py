"""A graph as plain JSON and back: what an artifact keeps of a program, and what its hash is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from compiler.ir.graph import Graph
from compiler.ir.op import Illegal
from compiler.ir.ops import make
from compiler.ir.ops.opaque import Place
from compiler.ir.size import Polynomial
from compiler.ir.value import TensorType, TupleType, Value

_TORCH = {"dtype": torch.dtype, "layout": torch.layout, "memory_format": torch.memory_format}


class Unstorable(ValueError):
    """A graph has an attribute that JSON has no form for, or JSON is of no graph; the message says which."""


def stored(graph: Graph) -> dict[str, Any]:
    """Every value once, after its arguments, which it names by number. The same graph gives the same JSON. Raises Unstorable."""
    values = list(dict.fromkeys((*graph.inputs, *graph.values)))
    number = {value: place for place, value in enumerate(values)}
    return {
        "values": [
            [
                value.op,
                [number[arg] for arg in value.args],
                {name: plain(value[name]) for name in sorted(value.attributes)},
            ]
            for value in values
        ],
        "inputs": [number[value] for value in graph.inputs],
        "outputs": [number[value] for value in graph.outputs],
        "states": {name: number[value] for name, value in sorted(graph.states.items())},
    }


def restored(content: Any) -> Graph:
    """The graph that `stored` gave this of. Every value is checked as when it was made. Raises Unstorable."""
    values: list[Value] = []
    try:
        for op, args, attributes in content["values"]:
            values.append(
                make(op, *(values[arg] for arg in args), **{name: rich(each) for name, each in attributes.items()})
            )
        inputs, outputs = (tuple(values[number] for number in content[name]) for name in ("inputs", "outputs"))
        return Graph(inputs, outputs, {name: values[number] for name, number in content["states"].items()})
    except (Illegal, KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise Unstorable(f"this is not a graph of this release: {error}") from error


def stored_type(type_: TensorType) -> dict[str, Any]:
    """Of one without symbols, as people read it."""
    return {"dtype": _name(type_.dtype), "shape": list(type_.shape)}


def restored_type(dtype: str, shape: Sequence[int]) -> TensorType:
    """Raises Unstorable."""
    found = getattr(torch, dtype, None)
    if not isinstance(found, torch.dtype):
        raise Unstorable(f"torch has no dtype {dtype}")
    return TensorType(tuple(shape), found)


def plain(content: Any) -> Any:
    """Numbers, texts and None are themselves; all else is an object of one member, which says what it is."""
    if content is None or isinstance(content, bool | int | str):
        return content
    if isinstance(content, float):
        return {"float": content.hex()}
    if isinstance(content, tuple):
        return {"tuple": [plain(part) for part in content]}
    if isinstance(content, TensorType):
        return {"tensor": [plain(content.shape), _name(content.dtype)]}
    if isinstance(content, TupleType):
        return {"tensors": [plain(item) for item in content.items]}
    if isinstance(content, Polynomial):
        return {"size": [[list(monomial), factor] for monomial, factor in content.terms]}
    if isinstance(content, Place):
        return {"place": content.number}
    if isinstance(content, torch.device):
        return {"device": str(content)}
    for kind, type_ in _TORCH.items():
        if isinstance(content, type_):
            return {kind: _name(content)}
    raise Unstorable(f"an attribute is a {type(content).__name__}, which an artifact has no form for")


def rich(content: Any) -> Any:
    if not isinstance(content, dict):
        return content
    [(kind, held)] = content.items()
    return _RICH[kind](held)


def _torch(name: str) -> Any:
    found = getattr(torch, name)
    if not isinstance(found, tuple(_TORCH.values())):
        raise Unstorable(f"torch.{name} is no type, layout or order in memory")
    return found


_RICH: dict[str, Callable[[Any], Any]] = {
    "float": float.fromhex,
    "tuple": lambda held: tuple(map(rich, held)),
    "tensor": lambda held: TensorType(rich(held[0]), _torch(held[1])),
    "tensors": lambda held: TupleType(tuple(map(rich, held))),
    "size": lambda held: Polynomial(tuple((tuple(monomial), factor) for monomial, factor in held)),
    "place": Place,
    "device": torch.device,
    **dict.fromkeys(_TORCH, _torch),
}


def _name(content: Any) -> str:
    return str(content).removeprefix("torch.")
