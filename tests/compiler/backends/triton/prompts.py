"""Programs of many tokens: a step of answers and prompts over pages, and texts that lie one after another."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from compiler.frontend.exported import capture
from compiler.frontend.paged import paged_attention
from compiler.frontend.ragged import ragged_attention, ragged_mean
from compiler.ir.graph import Graph
from compiler.ir.ops import make
from compiler.ir.program import Program
from compiler.ir.value import TensorType
from compiler.passes.manager import for_gpu, optimized

BLOCK, PAGES, WIDE = 16, 40, 6
TOKENS = 100
Texts = Sequence[tuple[int, int]]


class OverPages(nn.Module):
    def __init__(self, groups: int, width: int, window: int, dtype: torch.dtype) -> None:
        super().__init__()
        self._window = window
        self.register_buffer("cache", torch.randn(PAGES * BLOCK, 2 * groups, width).to(dtype))

    def forward(
        self, q: torch.Tensor, tables: torch.Tensor, lengths: torch.Tensor, pieces: torch.Tensor
    ) -> torch.Tensor:
        return paged_attention(q, self.get_buffer("cache"), tables, lengths, pieces, BLOCK, 0.2, self._window)


def step_of_pages(
    heads: int, groups: int, width: int, window: int, dtype: torch.dtype, tokens: int = TOKENS
) -> tuple[Program, tuple[torch.Tensor, ...]]:
    """Ten answers, pieces of 50, 20 and 1 token of prompts that have begun before, an answer behind them, and padding; or the first
    `tokens` of these."""
    torch.manual_seed(0)
    q = torch.randn(TOKENS, heads, width).to(dtype)
    tables, lengths = torch.zeros(TOKENS, WIDE, dtype=torch.int32), torch.zeros(TOKENS, dtype=torch.int32)
    pieces = torch.full((TOKENS,), -1, dtype=torch.int32)
    for row, length in [*enumerate(torch.randint(1, WIDE * BLOCK, (10,)).tolist()), (90, 33)]:
        tables[row], lengths[row] = torch.randint(1, PAGES, (WIDE,)), length
    for at, count, before in ((10, 50, 17), (62, 20, 3), (82, 1, 40)):
        own = slice(at, at + count)
        tables[own], pieces[own] = torch.randint(1, PAGES, (WIDE,)), at
        lengths[own] = torch.arange(before + 1, before + count + 1)
    inputs = q[:tokens], tables[:tokens], lengths[:tokens], pieces[:tokens]
    return for_gpu(optimized(capture(OverPages(groups, width, window, dtype), inputs))), inputs


def over_places(tokens: int, before: int, dtype: torch.dtype) -> tuple[Program, tuple[torch.Tensor, ...]]:
    """Two texts of so many tokens each, which have begun before."""
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, heads, places, 24).to(dtype) for heads, places in ((4, tokens), (2, 96), (2, 96)))
    inputs = q, k, v, torch.arange(before, before + tokens)
    values = [
        make("input", name=name, type=TensorType(tuple(each.shape), each.dtype))
        for name, each in zip(("q", "k", "v", "positions"), inputs, strict=True)
    ]
    found = make("cached_attention", *values, scale=0.2)
    return Program(Graph(tuple(values), (found,), {}), {}, {}), inputs


class Within(nn.Module):
    def __init__(self, heads: int) -> None:
        super().__init__()
        self._heads = heads

    def forward(self, qkv: torch.Tensor, starts: torch.Tensor, ends: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = ragged_attention(qkv, starts, ends, self._heads, 0.3)
        return found, ragged_mean(found, starts, ends)


def texts(
    bounds: Texts, tokens: int, dtype: torch.dtype, *, heads: int = 3, width: int = 24
) -> tuple[Program, tuple[torch.Tensor, ...]]:
    """The texts, and two that have no token."""
    torch.manual_seed(0)
    starts, ends = (torch.tensor([*side, 0, 0], dtype=torch.int32) for side in zip(*bounds, strict=True))
    inputs = torch.randn(tokens, 3 * heads * width).to(dtype), starts, ends
    return for_gpu(optimized(capture(Within(heads), inputs))), inputs
