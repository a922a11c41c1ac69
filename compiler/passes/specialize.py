"""A bucket: the program for one size of each symbol, in which every shape is a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from compiler.ir.graph import Graph
from compiler.ir.interpret import bound_attribute
from compiler.ir.ops import make
from compiler.ir.program import Program
from compiler.ir.size import symbol, symbols
from compiler.ir.value import TensorType, Value


class OutsideBucket(ValueError):
    """A bucket says nothing about some size, or something that no size can be."""


def free_symbols(graph: Graph) -> set[str]:
    """The symbols in the types of a graph's inputs: what a bucket has to bind."""
    return {name for value in graph.inputs for name in symbols(value.shape)}


def call_symbols(graph: Graph) -> set[str]:
    """The symbols that a call binds: those of inputs, and of caches."""
    return free_symbols(graph) | {name for value in graph.caches.values() for name in symbols(value.shape)}


def generalize(program: Program, caches: Mapping[str, Mapping[int, str]]) -> Program:
    """`program` with symbols in the place of some dimensions of caches, which a call then brings in any size.

    For caches that are only written to and attended to. Raises Illegal if something depends on the size that one had.
    """
    new: dict[Value, Value] = {}
    for value in (*program.graph.inputs, *program.graph.values):
        attributes = dict(value.attributes)
        if value.op == "state" and value["name"] in caches:
            named = caches[value["name"]]
            shape = tuple(symbol(named[dim]) if dim in named else size for dim, size in enumerate(value.shape))
            attributes["type"] = TensorType(shape, value.dtype)
        new[value] = make(value.op, *(new[arg] for arg in value.args), **attributes)
    return replace(program, graph=program.graph.mapped(new))


def specialize(program: Program, bucket: Mapping[str, int]) -> Program:
    """`program` with the sizes of `bucket`. Raises OutsideBucket."""
    if missing := free_symbols(program.graph) - bucket.keys():
        raise OutsideBucket(f"the bucket says nothing about {', '.join(sorted(missing))}")
    if wrong := [name for name, size in bucket.items() if size < 1]:
        raise OutsideBucket(f"{wrong[0]} is at least 1")
    new: dict[Value, Value] = {}
    for value in (*program.graph.inputs, *program.graph.values):
        attributes = {name: bound_attribute(content, bucket) for name, content in value.attributes.items()}
        new[value] = make(value.op, *(new[arg] for arg in value.args), **attributes)
    inputs = tuple(new[value] for value in program.graph.inputs)
    return replace(program, graph=replace(program.graph.mapped(new), inputs=inputs))
