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
    buckets: Sequence[Bucket]
    quantize: str | None
    fingerprint: Fingerprint
    contract: Mapping[str, Any]
    evidence: Evidence = field(default_factory=Evidence)

    @property
    def program(self) -> Program:
        return Program(self.graph, {name: self.tensors[kept] for name, kept in self.reference.items()}, self.states)
