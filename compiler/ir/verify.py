"""The specification of a graph: what holds before and after every pass."""

from __future__ import annotations

from collections.abc import Iterable

from compiler.ir.graph import Graph
from compiler.ir.op import Family, Illegal
from compiler.ir.ops import OPS
from compiler.ir.printer import named
from compiler.ir.size import symbols
from compiler.ir.value import TensorType, Value


class Broken(ValueError):
    """A graph that no pass may make: the message names the value and what is wrong with it."""


def verify(graph: Graph, *, families: Iterable[Family] = tuple(Family)) -> None:
    """Raises Broken. A later stage allows fewer `families` of operators."""
    allowed = set(families)
    names = named(graph)
    for value in graph.values:
        try:
            _check_value(value, allowed)
        except Illegal as error:
            raise Broken(f"{names[value]}: {error}") from None
    _check_symbols(graph, names)
    _check_states(graph, names)


def _check_value(value: Value, allowed: set[Family]) -> None:
    op = OPS.get(value.op)
    if op is None:
        raise Illegal(f"there is no operator {value.op}")
    if op.family not in allowed:
        raise Illegal(f"there is no {op.family.name.lower()} {value.op} at this stage")
    inferred = op.infer(*value.args, **value.attributes)
    if inferred != value.type:
        raise Illegal(f"{value.op} of this gives {inferred}, not {value.type}")


def _check_symbols(graph: Graph, names: dict[Value, str]) -> None:
    """Every symbol is one that a call binds: it stands alone in the type of an input or a cache."""
    given = (*graph.inputs, *graph.caches.values())
    free = {size.name for value in given for size in value.shape if not isinstance(size, int)}
    for value in graph.values:
        types = [value.type] if isinstance(value.type, TensorType) else value.type.items
        for type_ in types:
            if unbound := symbols(type_.shape) - free:
                raise Broken(f"{names[value]}: no input says what {', '.join(sorted(unbound))} is")


def _check_states(graph: Graph, names: dict[Value, str]) -> None:
    """A cache has one history: each of its moments is followed by one write at most, and the last one is the graph's."""
    written: dict[Value, Value] = {}
    for value in graph.values:
        if value.op == "write" and (other := written.setdefault(value.args[0], value)) is not value:
            raise Broken(f"{names[value]}: the cache was written to by {names[other]} already")
    for name, last in graph.states.items():
        value = last
        while value.op == "write":
            value = value.args[0]
        if value.op != "state" or value["name"] != name:
            raise Broken(f"{names[last]}: this is not the cache {name} after some writes")
        if last in written:
            raise Broken(f"{names[last]}: the cache {name} is written to after what the graph calls its last write")
    lost = [write for write in written.values() if write not in written and write not in graph.states.values()]
    if lost:
        raise Broken(f"{names[lost[0]]}: nobody is told of this write")
