"""One step of a decoder as the compiler takes it: plain tensors in, logits out, and caches that are buffers of its own.

It computes what `Decoder` does, written so that every operator is one that a graph can have.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from compiler.frontend.paged import paged_attention
from compiler.frontend.sampled import sample
from inference.engine.architecture import DecoderConfig
from inference.engine.blocks import BLOCK_TOKENS
from inference.engine.models.decoder import Decoder, Layer
from inference.engine.models.layers import Linear, RmsNorm

DYNAMIC = {
    "tokens": {0: "T"},
    "positions": {0: "T"},
    "slots": {0: "T"},
    "tables": {0: "T", 1: "W"},
    "lengths": {0: "T"},
    "pieces": {0: "T"},
    "rows": {0: "R"},
    "shares": {0: "R"},
    "whole": {0: "R"},
}
"""Tokens of a step, blocks of the longest request, and logits that are wanted."""


class PlainStep(nn.Module):
    def __init__(self, decoder: Decoder, cache_dtype: torch.dtype) -> None:
        """Over the decoder's own weights, which must not have been packed."""
        super().__init__()
        self.config: DecoderConfig = decoder.config
        self.network = decoder
        self._layers: list[Layer] = list(decoder.layers)  # type: ignore[arg-type]  # typed as modules of any kind
        cosine, signed_sine = decoder.rope.table
        half = signed_sine.shape[-1] // 2
        self.register_buffer("cosine", cosine)
        self.register_buffer("sine", torch.cat((signed_sine[:, half:], signed_sine[:, half:]), -1))
        for layer in range(decoder.config.layers):
            # Two blocks suffice to follow what is written where; a call brings the real one.
            shape = (2 * BLOCK_TOKENS, 2 * decoder.config.kv_heads, decoder.config.head_dim)
            self.register_buffer(cache_name(layer), torch.zeros(shape, dtype=cache_dtype))

    def forward(
        self,
        tokens: torch.Tensor,
        positions: torch.Tensor,
        slots: torch.Tensor,
        tables: torch.Tensor,
        lengths: torch.Tensor,
        pieces: torch.Tensor,
        rows: torch.Tensor,
        shares: torch.Tensor,
        whole: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """tokens, positions, slots int64 [T]; tables int32 [T, W]; lengths, pieces int32 [T]; rows int64 [R]; `shares` and `whole`
        are how `sample` draws. Logits float32 [R, vocabulary], and tokens int64 [R].

        `pieces` is for a prompt's tokens the row of the first of the neighbours that they attend with, for others -1.

        A token whose slot is -1 is padding: it is written nowhere, sees nothing if its length is 0, and disturbs nobody.
        """
        hidden = self.network.embed_tokens(tokens)
        cosine = self.get_buffer("cosine").index_select(0, positions)[:, None]
        sine = self.get_buffer("sine").index_select(0, positions)[:, None]
        for number, layer in enumerate(self._layers):
            hidden = hidden + self._attended(layer, number, hidden, cosine, sine, slots, tables, lengths, pieces)
            hidden = hidden + _fed(layer, hidden)
        hidden = hidden.index_select(0, rows)
        logits = _linear(self.network.lm_head, _normed(self.network.norm, hidden)).float()
        return logits, sample(logits, shares, whole)

    def _attended(
        self,
        layer: Layer,
        number: int,
        hidden: torch.Tensor,
        cosine: torch.Tensor,
        sine: torch.Tensor,
        slots: torch.Tensor,
        tables: torch.Tensor,
        lengths: torch.Tensor,
        pieces: torch.Tensor,
    ) -> torch.Tensor:
        config, attention = self.config, layer.self_attn
        heads, groups, width = config.heads, config.kv_heads, config.head_dim
        qkv = _linear(attention.qkv_proj, _normed(layer.input_layernorm, hidden))
        q, k, v = qkv.split([heads * width, groups * width, groups * width], -1)
        q, k, v = (part.unflatten(-1, (-1, width)) for part in (q, k, v))
        if attention.q_norm is not None and attention.k_norm is not None:
            q, k = _normed(attention.q_norm, q), _normed(attention.k_norm, k)
        q, k = _turned(q, cosine, sine), _turned(k, cosine, sine)
        cache = self.get_buffer(cache_name(number))
        cache.index_copy_(0, slots, torch.cat((k, v), 1).to(cache.dtype))
        window = config.windows[number] or 0
        mixed = paged_attention(q, cache, tables, lengths, pieces, BLOCK_TOKENS, width**-0.5, window)
        return _linear(attention.o_proj, mixed.flatten(1))


def cache_name(layer: int) -> str:
    return f"cache_{layer}"


def _fed(layer: Layer, hidden: torch.Tensor) -> torch.Tensor:
    gate, up = _linear(layer.mlp.gate_up_proj, _normed(layer.post_attention_layernorm, hidden)).chunk(2, -1)
    return _linear(layer.mlp.down_proj, functional.silu(gate) * up)


def _normed(norm: RmsNorm, values: torch.Tensor) -> torch.Tensor:
    return functional.rms_norm(values, norm.weight.shape, norm.weight, norm.eps)


def _linear(layer: Linear, values: torch.Tensor) -> torch.Tensor:
    return functional.linear(values, layer.weight, layer.bias)


def _turned(heads: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    one, other = heads.chunk(2, -1)
    return heads * cosine + torch.cat((-other, one), -1) * sine
