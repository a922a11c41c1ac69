"""Linear layers that are asked about the same value become one: its weight is theirs, one after another, and is read in one go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from compiler.ir.ops import make
from compiler.ir.program import Program
from compiler.ir.size import Size
from compiler.ir.value import Value


def pack(program: Program) -> Program:
    """Queries, keys and values; gates and what they let through. A weight that others use as well stays by itself."""
    graph = program.graph
    together: dict[tuple[Value, int], list[Value]] = defaultdict(list)
    for value in graph.values:
        if value.op == "linear" and all(len(graph.users[weight]) == 1 for weight in value.args[1:]):
            together[value.args[0], len(value.args)].append(value)
    replaced: dict[Value, Value] = {}
    for layers in together.values():
        if len(layers) > 1:
            replaced |= _packed(layers)
    return replace(program, graph=graph.replaced(replaced))


def _packed(layers: Sequence[Value]) -> dict[Value, Value]:
    joined = [make("concat", *parts, dim=0) for parts in zip(*(layer.args[1:] for layer in layers), strict=True)]
    whole = make("linear", layers[0].args[0], *joined)
    found, start = {}, 0
    for layer in layers:
        end: Size = start + layer.axis(-1)
        found[layer] = make("slice", whole, dim=layer.rank - 1, start=start, end=end)
        start = end  # type: ignore[assignment]  # weights have numbers for sizes
    return found
