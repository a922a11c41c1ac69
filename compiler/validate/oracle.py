"""The truth: the program itself, computed in more digits than it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from compiler.ir.graph import Graph
from compiler.ir.interpret import Computed, interpret
from compiler.ir.op import Illegal
from compiler.ir.ops import make
from compiler.ir.program import Program
from compiler.ir.value import TensorType, TupleType, Value

LARGEST_DOUBLED = 256 << 20
"""Bytes of weights up to which programs in half precision have their truth in float64; beyond that in float32."""


HALVES = (torch.bfloat16, torch.float16)


class NoOracle(ValueError):
    """The program cannot be computed in another precision: an operator of it is of one precision alone."""


@dataclass(frozen=True)
class Oracle:
    graph: Graph
    weights: Mapping[str, torch.Tensor]
    dtype: torch.dtype

    def compute(self, inputs: Sequence[torch.Tensor], states: Mapping[str, torch.Tensor]) -> Computed:
        given = [_cast(tensor, self.dtype) for tensor in inputs]
        caches = {name: _cast(state, self.dtype) for name, state in states.items()}
        return interpret(self.graph, given, weights=self.weights, states=caches)


def oracle_of(program: Program, dtype: torch.dtype | None = None) -> Oracle:
    """In `dtype`, or float64 unless that is large and float32 is precise enough. Raises NoOracle."""
    if dtype is None:
        weights = [program.weights[name] for name in program.graph.weights]
        fractions = [weight for weight in weights if weight.dtype.is_floating_point]
        held, is_half = sum(weight.nbytes for weight in weights), all(weight.dtype in HALVES for weight in fractions)
        dtype = torch.float32 if is_half and held > LARGEST_DOUBLED else torch.float64
    new: dict[Value, Value] = {}
    try:
        for value in (*program.graph.inputs, *program.graph.values):
            attributes = {name: _retyped(content, dtype) for name, content in value.attributes.items()}
            new[value] = make(value.op, *(new[arg] for arg in value.args), **attributes)
    except Illegal as error:
        raise NoOracle(f"{value.op} is of one precision alone: {error}") from error
    graph = replace(program.graph.mapped(new), inputs=tuple(new[value] for value in program.graph.inputs))
    return Oracle(graph, {name: _cast(program.weights[name], dtype) for name in graph.weights}, dtype)


def _cast(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return tensor.to(dtype) if tensor.dtype.is_floating_point else tensor


def _retyped(content: Any, dtype: torch.dtype) -> Any:
    if isinstance(content, torch.dtype):
        return dtype if content.is_floating_point else content
    if isinstance(content, TensorType):
        return TensorType(content.shape, _retyped(content.dtype, dtype))
    if isinstance(content, TupleType):
        return TupleType(tuple(_retyped(item, dtype) for item in content.items))
    return tuple(_retyped(part, dtype) for part in content) if isinstance(content, tuple) else content
