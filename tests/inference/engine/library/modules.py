"""Plain modules of several parts, seeded."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Parts(nn.Module):
    """Features of shape [batch, width] to a dict of logits and a pair; `body` is by far the slowest part at `depth` blocks."""

    def __init__(self, width: int = 64, depth: int = 8, classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width))
        self.body = nn.ModuleList(nn.Sequential(nn.Linear(width, width), nn.GELU()) for _ in range(depth))
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> dict[str, Any]:
        hidden = self.stem(x)
        for block in self.body:
            hidden = hidden + block(hidden)
        return {"logits": self.head(hidden), "pair": (hidden.mean(-1), None)}


class Spiky(nn.Module):
    """Overflows float16 in `loud` (1e5 > 65504), whose output `quiet` brings back; `scale` does not fit float16 at all."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.loud = nn.Linear(8, 8)
        self.quiet = nn.LayerNorm(8)
        with torch.no_grad():
            self.loud.weight.copy_(torch.eye(8) * 1e5)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.quiet(self.loud(self.first(x)))
        return out


class MeanOfBatch(nn.Module):
    """Mixes the rows of its batch."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0, keepdim=True) + x


class Picky(nn.Module):
    """Refuses a negative sum, answers NaN for a large one."""

    def forward(self, x: Tensor) -> Tensor:
        if (x.sum(-1) < 0).any():
            raise ValueError("no negative sums")
        return torch.where(x.sum(-1, keepdim=True) > 100, x * float("nan"), x * 2)


class Masked(nn.Module):
    """Takes keyword arguments."""

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        return (ids * (1 if mask is None else mask)).float().cumsum(-1)


def seeded(kind: type[nn.Module], *args: Any, **kwargs: Any) -> nn.Module:
    torch.manual_seed(0)
    return kind(*args, **kwargs).eval()


def vectors(count: int, width: int = 64, seed: int = 1) -> list[Tensor]:
    return list(torch.randn(count, width, generator=torch.Generator().manual_seed(seed)))
