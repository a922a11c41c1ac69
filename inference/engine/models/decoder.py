"""Llama, Mistral, Qwen2 and Qwen3: one decoder over a paged cache, in one forward for prompts and running answers alike.

Linear layers see all tokens of a step as one matrix, whatever request they belong to; only attention looks at who is who.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from inference.engine.architecture import DecoderConfig
from inference.engine.models.layers import Embedding, Empty, Linear, RmsNorm
from inference.engine.models.rope import Rope, rotate_

KvCache = list[torch.Tensor]
"""Each layer's keys and values, [blocks, block tokens, 2 * kv heads, head_dim], the keys' heads before the values': never one
stacked tensor, which a compiler would copy whole."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Requests with the same number of new tokens each, whose attention is computed together."""

    start: int
    end: int
    """The batch's tokens `start` to `end`, request by request."""
    requests: int
    table: torch.Tensor
    """[requests * blocks] the blocks each request looks into, padded with block 0."""
    masked: bool
    """False when every token may look at all of its request's tokens in `table`, up to `width`."""
    width: int
    """Tokens of the cache that are looked at, for each request."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One forward's tokens."""

    tokens: torch.Tensor
    """[tokens] ids."""
    positions: torch.Tensor
    """[tokens] places in their requests."""
    slots: torch.Tensor
    """[written] where the cache takes the keys and values of the first tokens: block * block tokens + offset. Tokens beyond
    are padding of a pinned batch and are written nowhere."""
    reaches: list[Reach]
    """Together they hold the tokens that are written, or in a pinned batch at least those, in order."""
    rows: torch.Tensor | None
    """[rows] the tokens whose next token is wanted; None for all."""
    pinned: bool = False
    """Attention in plain matrix products of a shape that depends on each request alone, so that its bits do too."""


@dataclass(frozen=True, slots=True)
class Step:
    """What every layer of one window length needs beside the hidden states."""

    batch: Batch
    cosine: torch.Tensor
    signed_sine: torch.Tensor
    masks: list[torch.Tensor | None]
    """What each reach adds to its scores, [requests, 1, tokens * group, width]: 0 or minus infinity."""


class Attention(nn.Module):
    def __init__(self, config: DecoderConfig, empty: Empty) -> None:
        super().__init__()
        self._heads, self._kv_heads, self._head_dim = config.heads, config.kv_heads, config.head_dim
        width = (config.heads + 2 * config.kv_heads) * config.head_dim
        self.qkv_proj = Linear(empty, config.hidden_size, width, bias=config.qkv_bias)
        self.o_proj = Linear(empty, config.heads * config.head_dim, config.hidden_size, bias=config.output_bias)
        self.q_norm = RmsNorm(empty, config.head_dim, config.norm_eps) if config.qk_norm else None
        self.k_norm = RmsNorm(empty, config.head_dim, config.norm_eps) if config.qk_norm else None
        # A module's own call and its look-up of another module cost more than some of what is called.
        self._qkv, self._o = self.qkv_proj.forward, self.o_proj.forward

    def forward(self, hidden: torch.Tensor, step: Step, cache: torch.Tensor) -> torch.Tensor:
        """[tokens, hidden] to [tokens, hidden]; writes the tokens' keys and values to the cache."""
        batch = step.batch
        count, turned = hidden.shape[0], self._heads + self._kv_heads
        heads = self._qkv(hidden).view(count, turned + self._kv_heads, self._head_dim)
        if self.q_norm is not None and self.k_norm is not None:
            q, k = heads[:, : self._heads], heads[:, self._heads : turned]
            q.copy_(self.q_norm(q))
            k.copy_(self.k_norm(k))
        rotate_(heads[:, :turned], step.cosine, step.signed_sine)
        stored = cache.view(-1, 2 * self._kv_heads, self._head_dim)
        stored.index_copy_(0, batch.slots, heads[: batch.slots.shape[0], self._heads :])
        parts = [
            self._attend(heads[reach.start : reach.end, : self._heads], reach, mask, cache, batch.pinned)
            for reach, mask in zip(batch.reaches, step.masks, strict=True)
        ]
        missing = count - batch.reaches[-1].end
        if missing:
            parts.append(hidden.new_zeros(missing, self._heads * self._head_dim))
        return self._o(parts[0] if len(parts) == 1 else torch.cat(parts))

    def _attend(
        self, q: torch.Tensor, reach: Reach, mask: torch.Tensor | None, cache: torch.Tensor, pinned: bool
    ) -> torch.Tensor:
        """[tokens, heads, head_dim] to [tokens, heads * head_dim]. Whole blocks are gathered: six times faster than by token."""
        tokens, requests = q.shape[0], reach.requests
        found = (
            cache.index_select(0, reach.table).view(requests, -1, 2 * self._kv_heads, self._head_dim).transpose(1, 2)
        )
        if q.dtype == torch.bfloat16 and q.device.type == "cpu":
            # bfloat16 attention is several times slower than float32 on a CPU.
            q, found = q.float(), found.float()
        k, v = found[:, : self._kv_heads, : reach.width], found[:, self._kv_heads :, : reach.width]
        # The query heads that share a key head take the place of query tokens, so no key is repeated in memory.
        if tokens == requests:
            grouped = q.reshape(requests, self._kv_heads, -1, self._head_dim)
        else:
            shape = (requests, tokens // requests, self._kv_heads, -1, self._head_dim)
            grouped = q.reshape(shape).transpose(1, 2).flatten(2, 3)
        if pinned:
            scores = torch.matmul(grouped, k.transpose(-1, -2)).mul_(self._head_dim**-0.5)
            mixed = torch.matmul((scores if mask is None else scores.add_(mask)).softmax(-1), v)
        else:
            mixed = functional.scaled_dot_product_attention(grouped, k, v, mask)
        if tokens != requests:
            mixed = mixed.view(requests, self._kv_heads, shape[1], -1, self._head_dim).transpose(1, 2)
        return mixed.reshape(tokens, -1).to(cache.dtype)


class FeedForward(nn.Module):
    def __init__(self, config: DecoderConfig, empty: Empty) -> None:
        super().__init__()
        self.gate_up_proj = Linear(empty, config.hidden_size, 2 * config.intermediate_size, bias=config.mlp_bias)
        self.down_proj = Linear(empty, config.intermediate_size, config.hidden_size, bias=config.mlp_bias)
        self._gate_up, self._down = self.gate_up_proj.forward, self.down_proj.forward

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        gate, up = self._gate_up(hidden).chunk(2, dim=-1)
        return self._down(functional.silu(gate).mul_(up))


class Layer(nn.Module):
    def __init__(self, config: DecoderConfig, empty: Empty) -> None:
        super().__init__()
        self.input_layernorm = RmsNorm(empty, config.hidden_size, config.norm_eps)
        self.self_attn = Attention(config, empty)
        self.post_attention_layernorm = RmsNorm(empty, config.hidden_size, config.norm_eps)
        self.mlp = FeedForward(config, empty)
        self._norms = self.input_layernorm.forward, self.post_attention_layernorm.forward
        self._attend, self._feed = self.self_attn.forward, self.mlp.forward

    def forward(self, hidden: torch.Tensor, step: Step, cache: torch.Tensor) -> torch.Tensor:
        """Adds to `hidden` in place."""
        before, between = self._norms
        hidden += self._attend(before(hidden), step, cache)
        hidden += self._feed(between(hidden))
        return hidden


class Decoder(nn.Module):
    """The whole network, from token ids to logits."""

    def __init__(self, config: DecoderConfig, empty: Empty) -> None:
        """The weights are what `empty` makes: `load` fills them and `pack` makes them fast."""
        super().__init__()
        self.config = config
        self.embed_tokens = Embedding(empty, config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config, empty) for _ in range(config.layers))
        self.norm = RmsNorm(empty, config.hidden_size, config.norm_eps)
        self.lm_head = Linear(empty, config.hidden_size, config.vocab_size, bias=False)
        if config.tied:
            self.lm_head.weight = self.embed_tokens.weight
        weight = self.norm.weight
        self.rope = Rope(config.rope, config.head_dim, config.max_tokens, weight.device, weight.dtype)

    def forward(self, batch: Batch, cache: KvCache) -> torch.Tensor:
        """Logits [rows, vocabulary] of the batch's `rows`; fills the cache with the batch's keys and values."""
        hidden = self.embed_tokens(batch.tokens)
        cosine, signed_sine = self.rope(batch.positions)
        # Attention of a CPU is in float32 whatever the network's type.
        dtype = torch.float32 if hidden.device.type == "cpu" else hidden.dtype
        steps = {
            window: Step(batch, cosine, signed_sine, self._masks(batch, window, dtype))
            for window in set(self.config.windows)
        }
        for layer, window, layer_cache in zip(self.layers, self.config.windows, cache, strict=True):
            hidden = layer.forward(hidden, steps[window], layer_cache)
        logits: torch.Tensor = self.lm_head(self.norm(hidden if batch.rows is None else hidden[batch.rows]))
        return logits

    def _masks(self, batch: Batch, window: int | None, dtype: torch.dtype) -> list[torch.Tensor | None]:
        group = self.config.heads // self.config.kv_heads
        masks: list[torch.Tensor | None] = []
        for reach in batch.reaches:
            if reach.masked or (window is not None and window < reach.width):
                positions = batch.positions[reach.start : reach.end].view(reach.requests, 1, -1, 1)
                place = torch.arange(reach.width, device=positions.device)
                hidden = place > positions
                if window is not None:
                    hidden |= place <= positions - window
                mask = torch.zeros(hidden.shape, dtype=dtype, device=positions.device)
                mask.masked_fill_(hidden, -torch.inf)
                # Every query head of a group looks at the same keys.
                masks.append(mask if mask.shape[2] == 1 else mask.repeat_interleave(group, 2))
            else:
                masks.append(None)
        return masks

    def load(self, tensors: Iterable[tuple[str, torch.Tensor]]) -> None:
        """Takes the checkpoint's tensors by their transformers names into the fused layers."""
        parameters = dict(self.named_parameters())
        q, kv, wide = (
            self.config.heads * self.config.head_dim,
            self.config.kv_heads * self.config.head_dim,
            self.config.intermediate_size,
        )
        fused = {
            "q_proj": ("qkv_proj", 0, q),
            "k_proj": ("qkv_proj", q, kv),
            "v_proj": ("qkv_proj", q + kv, kv),
            "gate_proj": ("gate_up_proj", 0, wide),
            "up_proj": ("gate_up_proj", wide, wide),
        }
        for name, tensor in tensors:
            name = name.removeprefix("model.")
            path, _, kind = name.rpartition(".")
            parent, _, leaf = path.rpartition(".")
            if leaf in fused:
                target, start, rows = fused[leaf]
                parameters[f"{parent}.{target}.{kind}"].data[start : start + rows].copy_(tensor)
            else:
                parameters[name].data.copy_(tensor)
