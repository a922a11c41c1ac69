"""What an artifact consists of, in memory: made by a compilation, or by the loader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.utils._pytree import TreeSpec

from compiler.artifact.axis import Axis
from compiler.artifact.fingerprint import Fingerprint
from compiler.artifact.manifest import Evidence
from compiler.artifact.tensors import Tensors
from compiler.backends.triton.plans import Cuts, Plan
from compiler.ir.graph import Graph
from compiler.ir.program import Program
from compiler.native.step import Step


@dataclass(frozen=True)
class Bucket:
    sizes: Mapping[str, int]
    text: str
    step: Step
    weights: Sequence[str]
    objects: Mapping[str, Path]
    """By instruction set."""

    @property
    def tensors(self) -> Sequence[str]:
        """Names of those that it reads."""
        return self.weights

    @property
    def memory(self) -> int:
        """Bytes of the arena, and what launches need for themselves."""
        return self.step.arena_bytes + self.step.scratch_bytes


@dataclass(frozen=True)
class PlannedBucket:
    """Of a GPU."""

    sizes: Mapping[str, int]
    plan: Plan
    weights: Mapping[str, str]
    """Of each weight of the plan's graph the name of its tensor."""
    cuts: Cuts = field(default_factory=dict)
    """What was tuned: how launches are cut that the rules would cut otherwise."""

    @property
    def tensors(self) -> Sequence[str]:
        return list(self.weights.values())

    @property
    def memory(self) -> int:
        return self.plan.bytes


AnyBucket = Bucket | PlannedBucket


@dataclass(frozen=True)
class Content:
    graph: Graph
    """As it was captured, with its symbols: what the slow path computes."""
    structure: TreeSpec
    axes: Mapping[str, Axis]
    states: Mapping[str, torch.Tensor]
    """Caches as a new session finds them."""
    reference: Mapping[str, str]
    """Of each weight of the graph the name of its tensor."""
    tensors: Tensors
    buckets: Sequence[AnyBucket]
    quantize: str | None
    fingerprint: Fingerprint
    contract: Mapping[str, Any]
    evidence: Evidence = field(default_factory=Evidence)

    @property
    def program(self) -> Program:
        return Program(self.graph, {name: self.tensors[kept] for name, kept in self.reference.items()}, self.states)
