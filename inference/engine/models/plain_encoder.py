"""An encoder as the compiler takes it: plain tensors in, one vector a text out, or the scores of its labels at every token.

It computes what `Encoder` does, written so that every operator is one that a graph can have.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from compiler.frontend.ragged import ragged_attention, ragged_mean
from inference.engine.architecture import EncoderConfig
from inference.engine.models.encoder import Encoder, EncoderLayer
from inference.engine.models.layers import LayerNorm, Linear

DYNAMIC = {"tokens": {0: "T"}, "places": {0: "T"}, "starts": {0: "N"}, "ends": {0: "N"}}
"""Tokens of a call, and texts."""
_LEAST_LENGTH = 1e-12
"""What shorter vectors are divided by, as `functional.normalize` has it."""


class PlainEncoder(nn.Module):
    def __init__(self, encoder: Encoder) -> None:
        """Over the encoder's own weights, which must not have been packed."""
        super().__init__()
        self.config: EncoderConfig = encoder.config
        self.network = encoder
        self._layers: list[EncoderLayer] = list(encoder.layers)  # type: ignore[arg-type]  # typed as modules of any kind

    def forward(
        self, tokens: torch.Tensor, places: torch.Tensor, starts: torch.Tensor, ends: torch.Tensor
    ) -> torch.Tensor:
        """tokens, places int64 [T] are ids, and rows of the table of positions. Text i is the tokens starts[i] to before ends[i],
        int32 [N]. Vectors [N, hidden], or logits [T, labels], in float32."""
        network, config = self.network, self.config
        # In this order two tables become one.
        position = network.position_embeddings.weight.float() + network.token_type_embeddings.weight[0].float()
        hidden = functional.embedding(tokens, network.word_embeddings.weight).float()
        hidden = _normed(network.LayerNorm, hidden + functional.embedding(places, position))
        for layer in self._layers:
            hidden = self._computed(layer, hidden, starts, ends)
        if network.classifier is not None:
            return _linear(network.classifier, hidden)
        vectors = hidden.index_select(0, starts) if config.pooling == "cls" else ragged_mean(hidden, starts, ends)
        if not config.normalize:
            return vectors
        return vectors / (vectors * vectors).sum(-1, keepdim=True).sqrt().clamp_min(_LEAST_LENGTH)

    def _computed(
        self, layer: EncoderLayer, hidden: torch.Tensor, starts: torch.Tensor, ends: torch.Tensor
    ) -> torch.Tensor:
        inner = layer.qkv.weight.dtype
        width = self.config.hidden_size // self.config.heads
        qkv = _linear(layer.qkv, hidden.to(inner))
        mixed = ragged_attention(qkv, starts, ends, self.config.heads, width**-0.5)
        hidden = _normed(layer.attention_norm, hidden + _linear(layer.attention_output, mixed))
        wide = _linear(layer.intermediate, hidden.to(inner))
        if self.config.activation == "relu":
            wide = functional.relu(wide)
        else:
            wide = functional.gelu(wide, approximate="tanh" if self.config.activation == "gelu_tanh" else "none")
        return _normed(layer.output_norm, hidden + _linear(layer.output, wide))


def _normed(norm: LayerNorm, values: torch.Tensor) -> torch.Tensor:
    return functional.layer_norm(values, norm.weight.shape, norm.weight, norm.bias, norm.eps)


def _linear(layer: Linear, values: torch.Tensor) -> torch.Tensor:
    return functional.linear(values, layer.weight, layer.bias)
