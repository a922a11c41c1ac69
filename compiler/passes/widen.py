"""Half precision in memory and not in arithmetic: weights and caches stay as they are, everything between is float32.

For processors that compute in float32 as fast. It rounds less often than the program did, so it is nearer to the truth.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from compiler.ir.ops import make
from compiler.ir.program import Program
from compiler.ir.value import TensorType, Value

HALVES = (torch.bfloat16, torch.float16)
_CACHE_READERS = {"cached_attention", "paged_attention"}
"""Operators that read a cache in the type that it has."""


def widen(program: Program) -> Program:
    graph = program.graph
    new: dict[Value, Value] = {}

    def wide(value: Value) -> Value:
        made = new[value]
        # What gives several tensors stays as it is: each is made wide when it is taken out.
        is_half = isinstance(made.type, TensorType) and made.dtype in HALVES
        return make("cast", made, dtype=torch.float32) if is_half else made

    for value in graph.values:
        if value.op in ("input", "weight", "state", "constant"):
            new[value] = value
        elif value.op == "write":
            state, places, content = value.args
            new[value] = make("write", new[state], new[places], _narrow(wide(content), state.dtype), dim=value["dim"])
        elif value.op == "linear" and value.args[1].op == "weight" and value.args[1].dtype == torch.bfloat16:
            asked, weight, *bias = value.args
            new[value] = make("half_linear", wide(asked), weight, *map(wide, bias))
        elif value.op == "take" and value.args[0].op == "weight":
            new[value] = make("take", new[value.args[0]], new[value.args[1]], dim=value["dim"])
        elif value.op in _CACHE_READERS:
            q, *rest = value.args
            new[value] = make(value.op, wide(q), *(new[arg] for arg in rest), **value.attributes)
        elif value.op == "ragged_attention":
            # All of its products are of what it is given: halves are multiplied as such, and summed in float32.
            qkv, *bounds = value.args
            new[value] = make(
                value.op, _narrow(wide(qkv), qkv.dtype), *(new[arg] for arg in bounds), **value.attributes
            )
        elif value.op == "opaque":
            # Whatever it does, it was made for the types that it was given.
            new[value] = make(value.op, *(_narrow(new[arg], arg.dtype) for arg in value.args), **value.attributes)
        else:
            new[value] = make(value.op, *map(wide, value.args), **_wide(value))
    outputs = tuple(_narrow(new[value], value.dtype) for value in graph.outputs)
    return replace(program, graph=replace(graph.mapped(new), outputs=outputs))


def _narrow(value: Value, dtype: torch.dtype) -> Value:
    return value if value.dtype == dtype else make("cast", value, dtype=dtype)


def _wide(value: Value) -> dict[str, Any]:
    """Attributes that ask for a half ask for float32."""
    return {
        name: torch.float32 if isinstance(content, torch.dtype) and content in HALVES else content
        for name, content in value.attributes.items()
    }
