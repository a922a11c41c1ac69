"""A graph with what it computes with: what a pass takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from compiler.ir.graph import Graph


@dataclass(frozen=True)
class Program:
    graph: Graph
    weights: Mapping[str, torch.Tensor]
    """By the name that the graph has for each; more may be here than it uses."""
    states: Mapping[str, torch.Tensor]
    """The caches as a new session finds them."""

    def pruned(self) -> Program:
        """Without the weights that the graph has no use for any more."""
        used = self.graph.weights
        return Program(self.graph, {name: self.weights[name] for name in used}, self.states)
