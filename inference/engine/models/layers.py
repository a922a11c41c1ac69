"""Layers whose weights come from a checkpoint: torch's own spend time and memory on initial values that are never used."""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import nn
from torch.nn import functional

DtypeName = Literal["float32", "bfloat16"]
"""What weights, and a cache, are held in."""


class Empty(Protocol):
    """Makes an uninitialized tensor of a shape, on the device and in the type a network is to have."""

    def __call__(self, *size: int) -> torch.Tensor: ...


class Linear(nn.Module):
    """[..., columns] to [..., rows]."""

    def __init__(self, empty: Empty, columns: int, rows: int, *, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(empty(rows, columns), requires_grad=False)
        self.bias = nn.Parameter(empty(rows), requires_grad=False) if bias else None

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return functional.linear(values, self.weight, self.bias)


class Embedding(nn.Module):
    """[...] ids to [..., width]."""

    def __init__(self, empty: Empty, count: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(empty(count, width), requires_grad=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return functional.embedding(ids, self.weight)


class RmsNorm(nn.Module):
    def __init__(self, empty: Empty, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(empty(width), requires_grad=False)
        self._eps = eps

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return functional.rms_norm(values, self.weight.shape, self.weight, self._eps)


class LayerNorm(nn.Module):
    def __init__(self, empty: Empty, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(empty(width), requires_grad=False)
        self.bias = nn.Parameter(empty(width), requires_grad=False)
        self._eps = eps

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(values, self.weight.shape, self.weight, self.bias, self._eps)
