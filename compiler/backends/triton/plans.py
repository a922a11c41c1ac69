"""What a graph is on a GPU: launches in an order, and where everything lies while they run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from compiler.backends.triton.capabilities import Capabilities
from compiler.backends.triton.sources import Constant, Source
from compiler.backends.triton.tiles import Reach, Tiles
from compiler.ir.graph import Graph
from compiler.ir.op import Family
from compiler.ir.ops import OPS
from compiler.ir.size import Shape, product
from compiler.ir.value import TensorType, Value
from compiler.memory.plan import Plan as Arena
from compiler.schedule.group import Group, is_leaf

_BLIND = frozenset({Family.ELEMENTWISE, Family.MOVEMENT, Family.CONTRACTION, Family.REDUCTION})
_BLIND_COMPOUNDS = frozenset({"rms_norm", "layer_norm", "rope", "gated", "attention", "cached_attention"})


class NotPlanned(ValueError):
    """A group that no kernel here is for; the message says what of it. ATen computes it."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """Memory that a launch needs for itself."""

    dtype: torch.dtype
    elements: int
    zeroed: bool = False
    """Whether it is zero before the launch; each launch leaves it zero."""


Cuts = Mapping[str, Tiles | Reach]
"""What a tuner found, by the name of the source file that the rules would have made."""
Argument = Value | TensorType | Scratch | None
"""A value of the graph, what a caller gives, memory of the launch's own, or what it has not."""


@dataclass(frozen=True, slots=True)
class Launch:
    group: Group | None
    """None for a kernel that is called by itself."""
    source: Source
    grid: tuple[int, int, int]
    arguments: tuple[Argument, ...]
    """What the kernel takes first, in its order: pointers, or None for what this launch has not."""
    constants: Mapping[str, Constant]
    warps: int
    stages: int
    cut: Tiles | Reach | None = None
    """How it is cut into programs, where there is a choice."""


@dataclass(frozen=True, slots=True)
class Multiply:
    """A matrix product that the vendor's library computes, in place: of many rows it is better at that. It looks at no number, so
    that a recording can hold it."""

    group: Group
    reason: str
    """Why no kernel here does."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A group that ATen computes, one operator after another."""

    group: Group
    reason: str

    @property
    def is_recordable(self) -> bool:
        """Whether all of it can be, for it looks at no number."""
        return all(
            OPS[value.op].family in _BLIND or value.op in _BLIND_COMPOUNDS or value.op == "write"
            for value in self.group.values
        )


AnyStep = Launch | Multiply | Reference


@dataclass(frozen=True)
class Plan:
    graph: Graph
    device: Capabilities
    steps: Sequence[AnyStep]
    arena: Arena

    @property
    def launches(self) -> tuple[Launch, ...]:
        return tuple(step for step in self.steps if isinstance(step, Launch))

    @property
    def references(self) -> tuple[Reference, ...]:
        return tuple(step for step in self.steps if isinstance(step, Reference))

    @property
    def beside(self) -> frozenset[Value]:
        """What comes in, and what goes out, where that is not in the arena."""
        made = (value for value in self.graph.outputs if value.op != "write" and not is_leaf(value))
        return frozenset({*self.graph.inputs, *made} - self.arena.offsets.keys())

    @property
    def bytes(self) -> int:
        """Memory beside weights and caches: the arena, what comes in and goes out, and what launches need for themselves."""
        needs = {each for launch in self.launches for each in launch.arguments if isinstance(each, Scratch)}
        beside = sum(count(value.shape) * value.dtype.itemsize for value in self.beside)
        return self.arena.bytes + beside + sum(each.elements * each.dtype.itemsize for each in needs)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Each file once."""
        return tuple(dict.fromkeys(launch.source for launch in self.launches))


def numbers(shape: Shape) -> tuple[int, ...]:
    """Raises NotPlanned for a shape with symbols."""
    known = tuple(size for size in shape if isinstance(size, int))
    if len(known) != len(shape):
        raise NotPlanned("a plan is for one bucket: bind the symbols first (`passes.specialize`)")
    return known


def count(shape: Shape) -> int:
    return int(product(numbers(shape)))  # type: ignore[arg-type]  # of numbers


def require(condition: bool, message: str) -> None:
    """Raises NotPlanned."""
    if not condition:
        raise NotPlanned(message)


def title_of(group: Group) -> str:
    """What a group computes, without names and sizes of caches, so that layers that are alike have one."""
    outputs = dict.fromkeys("a cache" if value.op == "write" else str(value.type) for value in group.outputs)
    return f"{group.kind}: {', '.join(value.op for value in group.values)}\n\n-> {', '.join(outputs)}"
