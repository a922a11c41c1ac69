"""A Llama of transformers over a static cache, as people hand it to a compiler: one step, one token for each of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM


@dataclass(frozen=True, slots=True)
class Size:
    layers: int
    hidden: int
    inner: int
    heads: int
    groups: int
    vocabulary: int
    head: int = 64


SIZES = {"25m": Size(8, 384, 1056, 6, 2, 16_000), "260m": Size(20, 1024, 2816, 16, 4, 16_064)}


class StaticDecoder(nn.Module):
    """Random weights, which cost as much to multiply as any. tokens int64 [batch, 1], position int64 [1]; logits."""

    def __init__(self, size: Size, *, batch: int, places: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.places = places
        config = LlamaConfig(
            vocab_size=size.vocabulary,
            hidden_size=size.hidden,
            intermediate_size=size.inner,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            num_key_value_heads=size.groups,
            head_dim=size.head,
            max_position_embeddings=places,
            attn_implementation="sdpa",
            tie_word_embeddings=False,
        )
        torch.manual_seed(0)
        self.network = LlamaForCausalLM(config).to(dtype).eval().requires_grad_(False)
        for layer in range(size.layers):
            for kind in ("keys", "values"):
                self.register_buffer(f"{kind}_{layer}", torch.zeros(batch, size.groups, places, size.head, dtype=dtype))

    def forward(self, tokens: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        mask = (torch.arange(self.places)[None, :] <= position[:, None])[None, None]
        logits: torch.Tensor = self.network(
            input_ids=tokens,
            position_ids=position[None],
            attention_mask=mask,
            past_key_values=_Cache(self, position),
            use_cache=True,
        ).logits
        return logits


class _Cache:
    """As much of a cache as a layer of transformers asks for."""

    is_compileable = True

    def __init__(self, owner: StaticDecoder, position: torch.Tensor) -> None:
        self._owner, self._position = owner, position

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        stored = [self._owner.get_buffer(f"{kind}_{layer}") for kind in ("keys", "values")]
        for buffer, content in zip(stored, (keys, values), strict=True):
            buffer.index_copy_(2, self._position, content)
        return stored[0], stored[1]

    def get_seq_length(self, layer: int = 0) -> int:
        return 0
