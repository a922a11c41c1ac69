"""What has to be known about a compiled step to call it: nothing of the program that it was made from."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.ir.graph import Graph
from compiler.ir.value import TensorType


@dataclass(frozen=True)
class Step:
    inputs: tuple[tuple[str, TensorType], ...]
    """By name, in the order of the call."""
    outputs: tuple[TensorType, ...]
    states: tuple[tuple[str, TensorType], ...]
    """Caches that it reads or writes, sorted by name."""
    arena_bytes: int
    scratch_bytes: int


def step_of(graph: Graph, *, arena_bytes: int, scratch_bytes: int) -> Step:
    """Of a graph without symbols."""
    states = {str(value["name"]): value.tensor for value in graph.values if value.op == "state"}
    return Step(
        tuple((str(value["name"]), value.tensor) for value in graph.inputs),
        tuple(value.tensor for value in graph.outputs),
        tuple(sorted(states.items())),
        arena_bytes,
        scratch_bytes,
    )
