"""Modules in plain torch, as small as they can be and still have what they are for."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Remembering(nn.Module):
    """Puts rows to places of a buffer and reads them there."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(8, 8).requires_grad_(False)
        self.register_buffer("cache", torch.zeros(16, 8))

    def forward(self, places: torch.Tensor, values: torch.Tensor) -> dict[str, torch.Tensor]:
        before = self.cache.index_select(0, places)
        self.cache.index_copy_(0, places, self.linear(values))
        return {"before": before, "after": self.cache.index_select(0, places) * 2}


class Reading(nn.Module):
    """One layer of an encoder: ids [texts, tokens], and a mask of those that are any, to a vector for each token."""

    def __init__(self, *, places: int = 32) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words, self.positions = nn.Embedding(96, 32), nn.Embedding(places, 32)
        self.inside, self.outside = nn.Linear(32, 96), nn.Linear(32, 32)
        self.norm = nn.LayerNorm(32)
        self.requires_grad_(False)

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        hidden = self.words(tokens) + self.positions(torch.arange(tokens.shape[1]))
        heads = (part.unflatten(2, (4, 8)).transpose(1, 2) for part in self.inside(hidden).chunk(3, dim=-1))
        mixed = functional.scaled_dot_product_attention(*heads, (mask > 0)[:, None, None])
        return self.norm(hidden + self.outside(mixed.transpose(1, 2).flatten(2)))
