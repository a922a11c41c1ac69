"""Networks of transformers' own code, small, as somebody would bring them to the compiler."""

from __future__ import annotations

import torch
from torch import nn
from transformers import (
    BertConfig,
    BertModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

FAMILIES = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "mistral": (MistralConfig, MistralForCausalLM),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM),
}
PLACES = 32
"""Of a cache."""


class DecodeStep(nn.Module):
    """One step of a decoder over a cache that is the module's own: [batch, tokens] ids and their positions to logits."""

    def __init__(self, family: str, *, batch: int = 2, layers: int = 2, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        config_of, network_of = FAMILIES[family]
        config = config_of(
            vocab_size=96,
            hidden_size=64,
            intermediate_size=112,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=16,
            max_position_embeddings=PLACES,
            attn_implementation="sdpa",
            sliding_window=None,
        )
        torch.manual_seed(0)
        self.network = network_of(config).to(dtype).eval().requires_grad_(False)
        for layer in range(layers):
            for kind in ("keys", "values"):
                shape = (batch, config.num_key_value_heads, PLACES, config.head_dim)
                self.register_buffer(f"{kind}_{layer}", torch.zeros(shape, dtype=dtype))

    def forward(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        mask = (torch.arange(PLACES)[None, :] <= positions[:, None])[None, None]
        answer = self.network(
            input_ids=tokens,
            position_ids=positions[None],
            attention_mask=mask,
            past_key_values=_Cache(self, positions),
            use_cache=True,
        )
        logits: torch.Tensor = answer.logits
        return logits


class _Cache:
    """As much of a cache as a decoder layer of transformers asks for."""

    is_compileable = True

    def __init__(self, owner: nn.Module, positions: torch.Tensor) -> None:
        self._owner, self._positions = owner, positions

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        found = []
        for kind, content in (("keys", keys), ("values", values)):
            stored = getattr(self._owner, f"{kind}_{layer}")
            stored.index_copy_(2, self._positions, content)
            found.append(stored)
        return found[0], found[1]

    def get_seq_length(self, layer: int = 0) -> int:
        return 0


class Encoder(nn.Module):
    """BERT: [texts, tokens] ids and a mask to a vector for each token."""

    def __init__(self, *, layers: int = 2) -> None:
        super().__init__()
        config = BertConfig(
            vocab_size=96,
            hidden_size=64,
            num_hidden_layers=layers,
            num_attention_heads=4,
            intermediate_size=112,
            max_position_embeddings=PLACES,
            attn_implementation="sdpa",
        )
        torch.manual_seed(0)
        self.network = BertModel(config, add_pooling_layer=False).eval().requires_grad_(False)

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.network(input_ids=tokens, attention_mask=mask).last_hidden_state
        return found


def decoder_example(batch: int = 2, tokens: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 96, (batch, tokens), generator=generator), torch.arange(4, 4 + tokens)


def encoder_example(texts: int = 2, tokens: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    mask = torch.ones(texts, tokens, dtype=torch.int64)
    mask[-1, tokens - 2 :] = 0
    return torch.randint(0, 96, (texts, tokens), generator=generator), mask
