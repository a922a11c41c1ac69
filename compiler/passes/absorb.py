"""The weight of a norm goes into the linear layers that follow it: nothing is left to multiply where they read their input."""

from __future__ import annotations

from dataclasses import replace

import torch

from compiler.ir.graph import Graph
from compiler.ir.interpret import interpret
from compiler.ir.ops import make
from compiler.ir.program import Program
from compiler.ir.value import Value
from compiler.passes.fold import name_of

_WIDE = frozenset({torch.float32, torch.bfloat16})
"""A product of two float16 can be beyond what one holds."""


def absorb(program: Program) -> Program:
    """Of norms that nothing else reads, with layers whose weights nobody else has. A weight is rounded once more in its own type,
    where torch rounds what is normalized once more."""
    graph = program.graph
    weights, replaced = dict(program.weights), {}
    for norm in graph.values:
        if norm.op != "rms_norm" or not _is_free(graph, norm):
            continue
        x, scale = norm.args
        ones = make("full", shape=scale.shape, number=1.0, dtype=scale.dtype)
        plain = make("rms_norm", x, ones, **norm.attributes)
        for layer in graph.users[norm]:
            scaled = make("mul", layer.args[1], scale)
            name = name_of(scaled)
            [weights[name]] = interpret(Graph((), (scaled,), {}), (), weights=program.weights).outputs
            weight = make("weight", name=name, type=scaled.type)
            replaced[layer] = make("linear", plain, weight, *layer.args[2:])
    return replace(program, graph=graph.replaced(replaced), weights=weights).pruned()


def _is_free(graph: Graph, norm: Value) -> bool:
    scale = norm.args[1]
    users = graph.users[norm]
    return (
        scale.op == "weight"
        and scale.dtype in _WIDE
        and norm not in graph.results
        and all(user.op == "linear" and user.args[0] is norm and _is_own(graph, user) for user in users)
    )


def _is_own(graph: Graph, layer: Value) -> bool:
    weight = layer.args[1]
    return weight.op == "weight" and weight.dtype in _WIDE and len(graph.users[weight]) == 1
