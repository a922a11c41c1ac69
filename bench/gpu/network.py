"""A Llama as its user would write it, in torch alone: one decoding step over a cache of its own, with random weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Form:
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    wide: int
    vocabulary: int


FORMS = {
    "1b": Form(2048, 16, 32, 8, 64, 8192, 128_256),
    "8b": Form(4096, 32, 32, 8, 128, 14_336, 128_256),
    # For a test that the compiler has kernels for all of it.
    "tiny": Form(64, 2, 4, 2, 16, 96, 128),
}
"""Llama 3.2 1B and Llama 3.1 8B."""


class Layer(nn.Module):
    def __init__(self, form: Form) -> None:
        super().__init__()
        width, kv_width = form.heads * form.head_dim, form.kv_heads * form.head_dim
        self.q, self.k, self.v = (nn.Linear(form.hidden, each, bias=False) for each in (width, kv_width, kv_width))
        self.o = nn.Linear(width, form.hidden, bias=False)
        self.gate, self.up = (nn.Linear(form.hidden, form.wide, bias=False) for _ in range(2))
        self.down = nn.Linear(form.wide, form.hidden, bias=False)
        self.before, self.after = (nn.RMSNorm(form.hidden, eps=1e-5) for _ in range(2))


class Llama(nn.Module):
    def __init__(self, form: Form, *, batch: int, places: int) -> None:
        """On the default device, in the default dtype; the cache is empty."""
        super().__init__()
        self.form, self.places = form, places
        self.embedding = nn.Embedding(form.vocabulary, form.hidden)
        self.layers = nn.ModuleList(Layer(form) for _ in range(form.layers))
        self.norm = nn.RMSNorm(form.hidden, eps=1e-5)
        self.head = nn.Linear(form.hidden, form.vocabulary, bias=False)
        steps = torch.arange(0, form.head_dim, 2, dtype=torch.float32) / form.head_dim
        self.register_buffer("frequencies", 500_000.0**-steps, persistent=False)
        for layer in range(form.layers):
            for kind in ("keys", "values"):
                self.register_buffer(f"{kind}_{layer}", torch.zeros(batch, form.kv_heads, places, form.head_dim))

    def forward(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """[batch, tokens] ids at `positions` [tokens] to logits [batch, tokens, vocabulary]."""
        hidden = self.embedding(tokens)
        angles = positions[:, None].float() * self.frequencies
        angles = torch.cat((angles, angles), -1)
        turn = angles.cos().to(hidden.dtype)[None, None], angles.sin().to(hidden.dtype)[None, None]
        seen = (torch.arange(self.places, device=tokens.device)[None, :] <= positions[:, None])[None, None]
        for number, layer in enumerate(self.layers):
            hidden = hidden + self._attend(layer, number, layer.before(hidden), positions, turn, seen)
            asked = layer.after(hidden)
            hidden = hidden + layer.down(functional.silu(layer.gate(asked)) * layer.up(asked))
        logits: torch.Tensor = self.head(self.norm(hidden))
        return logits

    def _attend(
        self,
        layer: Layer,
        number: int,
        hidden: torch.Tensor,
        positions: torch.Tensor,
        turn: tuple[torch.Tensor, torch.Tensor],
        seen: torch.Tensor,
    ) -> torch.Tensor:
        batch, tokens, _ = hidden.shape

        def heads(linear: nn.Linear, count: int) -> torch.Tensor:
            made: torch.Tensor = linear(hidden).view(batch, tokens, count, self.form.head_dim).transpose(1, 2)
            return made

        q, k = (turned(each, *turn) for each in (heads(layer.q, self.form.heads), heads(layer.k, self.form.kv_heads)))
        keys, values = getattr(self, f"keys_{number}"), getattr(self, f"values_{number}")
        keys.index_copy_(2, positions, k)
        values.index_copy_(2, positions, heads(layer.v, self.form.kv_heads))
        mixed = functional.scaled_dot_product_attention(q, keys, values, seen, enable_gqa=True)
        answer: torch.Tensor = layer.o(mixed.transpose(1, 2).reshape(batch, tokens, -1))
        return answer


def turned(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    one, other = x.chunk(2, -1)
    return x * cosine + torch.cat((-other, one), -1) * sine
