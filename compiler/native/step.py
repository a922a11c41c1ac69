"""What has to be known about a compiled step to call it: nothing of the program that it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compiler.ir.graph import Graph
from compiler.ir.value import TensorType
from compiler.memory.plan import Plan


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
    least_bytes: int = 0
    """What lives in the arena at once at the worst moment: what it has beyond that is lost to how things lie."""

    @property
    def fragmentation(self) -> float:
        """The part of the arena that no moment needs."""
        return max(0.0, 1 - self.least_bytes / self.arena_bytes) if self.arena_bytes else 0.0


def step_of(
    graph: Graph, symbols: Sequence[str], limits: Mapping[str, int], *, arena: Plan, scratch_bytes: int
) -> Step:
    states = {name: value.tensor for name, value in graph.caches.items()}
    return Step(
        tuple((str(value["name"]), value.tensor) for value in graph.inputs),
        tuple(value.tensor for value in graph.outputs),
        tuple(sorted(states.items())),
        arena.bytes,
        scratch_bytes,
        tuple(symbols),
        tuple(sorted(limits.items())),
        arena.least,
    )
