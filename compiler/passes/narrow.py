"""What matrix products round to halves anyway is left to them as halves: half the memory between, and the same bits after."""

from __future__ import annotations

from dataclasses import replace

import torch

from compiler.ir.graph import Graph
from compiler.ir.ops import make
from compiler.ir.program import Program
from compiler.ir.value import Value

_ACTIVATIONS = {"gelu", "gelu_tanh", "relu"}
"""What a product's own kernel ends with, and so can store as a half at no cost."""
_MIXED = {"half_linear", "byte_linear"}


def narrow(program: Program) -> Program:
    """For a program in the types that a processor computes in: after `widen`, and after `quantize` where that is asked for."""
    graph, replaced = program.graph, {}
    for value in graph.values:
        if value.op in _MIXED:
            asked, *weights = value.args
            if asked.op == "cast" and asked.args[0].dtype == torch.bfloat16:
                replaced[value] = make(value.op, asked.args[0], *weights)
            elif asked.op in _ACTIVATIONS and asked.dtype == torch.float32 and _is_rounded(asked, graph):
                replaced[value] = make(value.op, make("cast", asked, dtype=torch.bfloat16), *weights)
    return replace(program, graph=graph.replaced(replaced))


def _is_rounded(value: Value, graph: Graph) -> bool:
    """Whether nobody sees more of it than a half."""
    users = graph.users[value]
    return value not in graph.results and all(user.op == "half_linear" and user.args[0] is value for user in users)
