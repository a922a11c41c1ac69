"""BERT and RoBERTa encoders with mean or CLS pooling, as sentence-transformers uses them."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional

from inference.engine.architecture import EncoderConfig
from inference.engine.models.layers import Embedding, Empty, LayerNorm, Linear


class EncoderLayer(nn.Module):
    def __init__(self, config: EncoderConfig, empty: Empty) -> None:
        super().__init__()
        hidden = config.hidden_size
        self._heads = config.heads
        self._activation = config.activation
        self.qkv = Linear(empty, hidden, 3 * hidden)
        self.attention_output = Linear(empty, hidden, hidden)
        self.attention_norm = LayerNorm(empty, hidden, config.norm_eps)
        self.intermediate = Linear(empty, hidden, config.intermediate_size)
        self.output = Linear(empty, config.intermediate_size, hidden)
        self.output_norm = LayerNorm(empty, hidden, config.norm_eps)

    def forward(self, hidden: torch.Tensor, seen: torch.Tensor | None) -> torch.Tensor:
        """[texts, tokens, hidden] to the same; `seen` [texts, 1, 1, tokens] is False on padding, None without padding."""
        texts, tokens, _ = hidden.shape
        q, k, v = self.qkv(hidden).view(texts, tokens, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v, seen).transpose(1, 2).reshape(texts, tokens, -1)
        hidden = self.attention_norm(hidden + self.attention_output(mixed))
        wide = self.intermediate(hidden)
        if self._activation == "relu":
            wide = functional.relu(wide)
        else:
            wide = functional.gelu(wide, approximate="tanh" if self._activation == "gelu_tanh" else "none")
        out: torch.Tensor = self.output_norm(hidden + self.output(wide))
        return out


class Encoder(nn.Module):
    """The whole network, from token ids to one vector a text."""

    _PARTS = {
        "attention.self.query": ("qkv", 0),
        "attention.self.key": ("qkv", 1),
        "attention.self.value": ("qkv", 2),
        "attention.output.dense": ("attention_output", None),
        "attention.output.LayerNorm": ("attention_norm", None),
        "intermediate.dense": ("intermediate", None),
        "output.dense": ("output", None),
        "output.LayerNorm": ("output_norm", None),
    }

    def __init__(self, config: EncoderConfig, empty: Empty) -> None:
        """The weights are what `empty` makes: `load` fills them."""
        super().__init__()
        self.config = config
        self.word_embeddings = Embedding(empty, config.vocab_size, config.hidden_size)
        self.position_embeddings = Embedding(empty, config.positions, config.hidden_size)
        self.token_type_embeddings = Embedding(empty, config.token_types, config.hidden_size)
        self.LayerNorm = LayerNorm(empty, config.hidden_size, config.norm_eps)
        self.layers = nn.ModuleList(EncoderLayer(config, empty) for _ in range(config.layers))

    def forward(self, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Vectors [texts, hidden] in float32 of `tokens` [texts, longest], padded with any id, and their `lengths` [texts]."""
        longest = tokens.shape[1]
        place = torch.arange(longest, device=tokens.device)
        inside = place < lengths[:, None]
        hidden = self.word_embeddings(tokens) + self.token_type_embeddings.weight[0]
        hidden = self.LayerNorm(hidden + self.position_embeddings(place + self.config.first_position))
        seen = None if bool(inside.all()) else inside[:, None, None, :]
        for layer in self.layers:
            hidden = layer(hidden, seen)
        if self.config.pooling == "cls":
            vectors = hidden[:, 0].float()
        else:
            vectors = (hidden.float() * inside[:, :, None]).sum(dim=1) / lengths[:, None]
        return functional.normalize(vectors, dim=-1) if self.config.normalize else vectors

    def load(self, tensors: Iterable[tuple[str, torch.Tensor]]) -> None:
        """Takes the checkpoint's tensors by their transformers names into the fused layers."""
        parameters = dict(self.named_parameters())
        hidden = self.config.hidden_size
        for name, tensor in tensors:
            path, _, kind = name.rpartition(".")
            if path.startswith("encoder.layer."):
                _, _, number, part = path.split(".", 3)
                target, third = self._PARTS[part]
                data = parameters[f"layers.{number}.{target}.{kind}"].data
                (data if third is None else data[third * hidden : (third + 1) * hidden]).copy_(tensor)
            else:
                parameters[name.removeprefix("embeddings.")].data.copy_(tensor)
