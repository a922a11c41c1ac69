"""What has to be known about a compiled step to call it: nothing of the program that it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    symbols: tuple[str, ...] = ()
    """Sizes that stand in these types for what a call brings, in the order in which the code is told them."""
    limits: tuple[tuple[str, int], ...] = ()
    """The largest that they may be: the arena is made for them."""


def step_of(
    graph: Graph, symbols: Sequence[str], limits: Mapping[str, int], *, arena_bytes: int, scratch_bytes: int
) -> Step:
    states = {name: value.tensor for name, value in graph.caches.items()}
    return Step(
        tuple((str(value["name"]), value.tensor) for value in graph.inputs),
        tuple(value.tensor for value in graph.outputs),
        tuple(sorted(states.items())),
        arena_bytes,
        scratch_bytes,
        tuple(symbols),
        tuple(sorted(limits.items())),
    )
