"""What depends on weights and numbers alone is computed once, and is a weight from then on."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from compiler.ir.graph import Graph
from compiler.ir.interpret import interpret
from compiler.ir.op import Family
from compiler.ir.ops import OPS, make
from compiler.ir.printer import text
from compiler.ir.program import Program
from compiler.ir.size import Polynomial, product
from compiler.ir.value import TensorType, Value

LARGEST_GROWTH = 16 << 20
"""Bytes that a folded value may have beyond those of the weights it is made from: tables may be, repetitions of weights may not."""


def fold(program: Program) -> Program:
    """Computes the largest values that no input and no cache has a part in."""
    graph = program.graph
    fixed = _fixed(graph)
    used_outside = {arg for value in graph.values if value not in fixed for arg in value.args} | set(graph.results)
    chosen = [value for value in fixed if value in used_outside and _is_worth(value)]
    if not chosen:
        return program
    weights, replaced = dict(program.weights), {}
    for value in chosen:
        name = name_of(value)
        computed = interpret(Graph((), (value,), {}), (), weights=program.weights).outputs[0]
        weights[name] = computed.contiguous()
        replaced[value] = make("weight", name=name, type=value.type)
    return replace(program, graph=graph.replaced(replaced), weights=weights).pruned()


def _fixed(graph: Graph) -> dict[Value, None]:
    """In order: the values whose leaves are weights and numbers, of sizes that are known."""
    fixed: dict[Value, None] = {}
    for value in graph.values:
        family = OPS[value.op].family
        given = value.op in ("input", "state") or family is Family.EFFECT
        if not given and all(arg in fixed for arg in value.args) and not _is_symbolic(value):
            fixed[value] = None
    return fixed


def _is_symbolic(value: Value) -> bool:
    types = [value.type] if isinstance(value.type, TensorType) else value.type.items
    return any(isinstance(size, Polynomial) for type_ in types for size in type_.shape)


def _is_worth(value: Value) -> bool:
    if value.op in ("weight", "constant") or not isinstance(value.type, TensorType):
        return False
    sources = Graph((), (value,), {}).weights.values()
    return _bytes(value) <= sum(map(_bytes, sources)) + LARGEST_GROWTH


def _bytes(value: Value) -> int:
    count = product(value.shape)
    return int(count) * value.dtype.itemsize if isinstance(count, int) else 0


def name_of(value: Value) -> str:
    """The same recipe has the same name, in any process: artifacts of one network are the same bytes."""
    recipe = text(Graph((), (value,), {}))
    stem = next((str(leaf["name"]) for leaf in Graph((), (value,), {}).weights.values()), value.op)
    return f"{stem}~{sha256(recipe.encode()).hexdigest()[:8]}"
