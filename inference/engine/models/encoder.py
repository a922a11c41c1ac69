"""BERT and RoBERTa encoders: with mean or CLS pooling, as sentence-transformers uses them, or with a head for every token."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional

from inference.engine.architecture import HEAD, EncoderConfig
from inference.engine.models.layers import Embedding, Empty, LayerNorm, Linear, activation_dtype
from inference.engine.models.ragged import Ragged


class EncoderLayer(nn.Module):
    def __init__(self, config: EncoderConfig, empty: Empty) -> None:
        super().__init__()
        hidden = config.hidden_size
        self._heads = config.heads
        self._activation = config.activation
        self.qkv = Linear(empty, hidden, 3 * hidden)
        self._inner = activation_dtype(self.qkv.weight.dtype, self.qkv.weight.device)
        self.attention_output = Linear(empty, hidden, hidden)
        self.attention_norm = LayerNorm(_wide(empty), hidden, config.norm_eps)
        self.intermediate = Linear(empty, hidden, config.intermediate_size)
        self.output = Linear(empty, config.intermediate_size, hidden)
        self.output_norm = LayerNorm(_wide(empty), hidden, config.norm_eps)

    def forward(self, hidden: torch.Tensor, texts: Ragged) -> torch.Tensor:
        """[tokens, hidden] to the same, in float32; only the matrices compute in the weights' type."""
        q, k, v = self.qkv(hidden.to(self._inner)).unflatten(1, (3, self._heads, -1)).unbind(1)
        mixed = texts.attend(q, k, v).to(self._inner)
        hidden = self.attention_norm(hidden + self.attention_output(mixed))
        wide = self.intermediate(hidden.to(self._inner))
        if self._activation == "relu":
            wide = functional.relu(wide)
        else:
            wide = functional.gelu(wide, approximate="tanh" if self._activation == "gelu_tanh" else "none")
        out: torch.Tensor = self.output_norm(hidden + self.output(wide))
        return out


class Encoder(nn.Module):
    """The whole network, from token ids to one vector a text, or to the scores of its labels at every token."""

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
        self.LayerNorm = LayerNorm(_wide(empty), config.hidden_size, config.norm_eps)
        self.layers = nn.ModuleList(EncoderLayer(config, empty) for _ in range(config.layers))
        self.classifier = Linear(_wide(empty), config.hidden_size, len(config.labels)) if config.labels else None

    def forward(self, tokens: torch.Tensor, texts: Ragged) -> torch.Tensor:
        """Vectors [texts, hidden], or where the model has labels logits [tokens, labels], of `tokens` [tokens], packed as `texts`
        says; in float32."""
        hidden = self.word_embeddings(tokens).float() + self.token_type_embeddings.weight[0]
        hidden = self.LayerNorm(hidden + self.position_embeddings(texts.places() + self.config.first_position))
        for layer in self.layers:
            hidden = layer(hidden, texts)
        if self.classifier is not None:
            logits: torch.Tensor = self.classifier(hidden)
            return logits
        vectors = texts.first(hidden) if self.config.pooling == "cls" else texts.mean(hidden)
        return functional.normalize(vectors, dim=-1) if self.config.normalize else vectors

    def load(self, tensors: Iterable[tuple[str, torch.Tensor]]) -> None:
        """Takes the checkpoint's tensors by their transformers names into the fused layers; to be called once.

        Raises OverflowError when the type of the embeddings cannot hold one of them.
        """
        parameters = dict(self.named_parameters())
        hidden = self.config.hidden_size
        for name, tensor in tensors:
            path, _, kind = name.rpartition(".")
            if path.startswith("encoder.layer."):
                _, _, number, part = path.split(".", 3)
                target, third = self._PARTS[part]
                data = parameters[f"layers.{number}.{target}.{kind}"].data
                (data if third is None else data[third * hidden : (third + 1) * hidden]).copy_(tensor)
            elif name.startswith(HEAD):
                parameters[name].data.copy_(tensor)
            else:
                parameters[name.removeprefix("embeddings.")].data.copy_(tensor)
        if not all(torch.isfinite(table.weight).all() for table in self.modules() if isinstance(table, Embedding)):
            raise OverflowError("an embedding is beyond what its type holds")


def _wide(empty: Empty) -> Empty:
    """Norms and a head are float32 whatever the matrices are: they hold little and decide much."""
    return lambda *size: empty(*size).float()
