"""A small network over texts without padding, and calls of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from compiler.frontend.exported import capture
from compiler.frontend.ragged import ragged_attention, ragged_mean
from compiler.ir.program import Program

HIDDEN, HEADS, INNER, IDS = 96, 4, 160, 50
DYNAMIC = {"tokens": {0: "T"}, "starts": {0: "N"}, "ends": {0: "N"}}
LIMITS = {"T": 400, "N": 40}


class TextNetwork(nn.Module):
    """Two layers as BERT's, and the mean of each text."""

    def __init__(self, dtype: torch.dtype, *, layers: int = 2) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.table = nn.Embedding(IDS, HIDDEN)
        sizes = ((HIDDEN, 3 * HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, INNER), (INNER, HIDDEN))
        self.linears = nn.ModuleList(nn.Linear(*size, dtype=dtype) for _ in range(layers) for size in sizes)
        self.norms = nn.ModuleList(nn.LayerNorm(HIDDEN) for _ in range(2 * layers))

    def forward(self, tokens: torch.Tensor, starts: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
        hidden = self.table(tokens)
        for layer in range(len(self.norms) // 2):
            qkv, out, up, down = self.linears[4 * layer : 4 * layer + 4]
            inner = qkv.weight.dtype
            mixed = ragged_attention(qkv(hidden.to(inner)), starts, ends, HEADS, (HIDDEN // HEADS) ** -0.5)
            hidden = self.norms[2 * layer](hidden + out(mixed))
            wide = functional.gelu(up(hidden.to(inner)))
            hidden = self.norms[2 * layer + 1](hidden + down(wide))
        return ragged_mean(hidden, starts, ends)


def call(*lengths: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    ends = torch.tensor(lengths).cumsum(0).int()
    tokens = torch.randint(IDS, (sum(lengths),), generator=torch.Generator().manual_seed(len(lengths)))
    return tokens, ends - torch.tensor(lengths).int(), ends


def program(dtype: torch.dtype, lengths: Sequence[int] = (4, 3)) -> Program:
    return capture(TextNetwork(dtype), call(*lengths), dynamic=DYNAMIC)
