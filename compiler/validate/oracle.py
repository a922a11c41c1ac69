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

LARGEST_DOUBLED = 1 << 30
"""Bytes of weights up to which the truth has float64; beyond that float32, if the program has less."""


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
    """In `dtype`, or float64 where the weights are few enough to be doubled. Raises NoOracle."""
    if dtype is None:
        held = sum(program.weights[name].nbytes for name in program.graph.weights)
        dtype = torch.float64 if held <= LARGEST_DOUBLED else torch.float32
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
