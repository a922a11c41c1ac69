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
from inference.engine.models.rope import Rope, rotate

KvCache = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of each layer, [blocks, block tokens, kv heads, head_dim]: never one stacked tensor, which a compiler
would copy whole."""


@dataclass(frozen=True, slots=True)
class Span:
    """The tokens `start` to `end` of a batch are one prompt piece; `context` tokens before them are in the cache."""

    start: int
    end: int
    context: int
    table: torch.Tensor
    """Blocks that hold context and piece, in order."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's tokens: first one token of each running answer, then the prompt pieces."""

    tokens: torch.Tensor
    """[tokens] ids."""
    positions: torch.Tensor
    """[tokens] places in their requests."""
    slots: torch.Tensor
    """[tokens] where the cache takes their keys and values: block * block tokens + offset."""
    answers: int
    """How many of the tokens are of running answers."""
    tables: torch.Tensor
    """[answers, widest table] blocks of each running answer, padded with block 0."""
    spans: list[Span]
    rows: torch.Tensor
    """[rows] the tokens whose next token is wanted."""


@dataclass(frozen=True, slots=True)
class Step:
    """What every layer of one window length needs beside the hidden states."""

    batch: Batch
    cosine: torch.Tensor
    signed_sine: torch.Tensor
    answers: torch.Tensor
    """[answers, 1, 1, cached tokens] True where a running answer may look."""
    spans: list[torch.Tensor]
    """The same for each prompt piece, [piece, cached tokens]."""


class Attention(nn.Module):
    def __init__(self, config: DecoderConfig, empty: Empty) -> None:
        super().__init__()
        self._heads, self._kv_heads, self._head_dim = config.heads, config.kv_heads, config.head_dim
        width = (config.heads + 2 * config.kv_heads) * config.head_dim
        self.qkv_proj = Linear(empty, config.hidden_size, width, bias=config.qkv_bias)
        self.o_proj = Linear(empty, config.heads * config.head_dim, config.hidden_size, bias=config.output_bias)
        self.q_norm = RmsNorm(empty, config.head_dim, config.norm_eps) if config.qk_norm else None
        self.k_norm = RmsNorm(empty, config.head_dim, config.norm_eps) if config.qk_norm else None

    def forward(self, hidden: torch.Tensor, step: Step, cache: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """[tokens, hidden] to [tokens, hidden]; writes the tokens' keys and values to the cache."""
        batch = step.batch
        turned = self._heads + self._kv_heads
        heads = self.qkv_proj(hidden).view(len(hidden), turned + self._kv_heads, self._head_dim)
        qk = heads[:, :turned]
        if self.q_norm is not None and self.k_norm is not None:
            qk = torch.cat((self.q_norm(qk[:, : self._heads]), self.k_norm(qk[:, self._heads :])), 1)
        qk = rotate(qk, step.cosine, step.signed_sine)
        q, k, v = qk[:, : self._heads], qk[:, self._heads :], heads[:, turned:]
        for stored, new in zip(cache, (k, v), strict=True):
            stored.view(-1, self._kv_heads, self._head_dim).index_copy_(0, batch.slots, new)
        parts = [self._attend_answers(q[: batch.answers], step, cache)] if batch.answers else []
        for span, seen in zip(batch.spans, step.spans, strict=True):
            parts.append(self._attend_span(q[span.start : span.end], span, seen, cache))
        mixed = parts[0] if len(parts) == 1 else torch.cat(parts)
        out: torch.Tensor = self.o_proj(mixed.reshape(len(hidden), -1))
        return out

    def _attend_answers(self, q: torch.Tensor, step: Step, cache: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """One query token a request against its own cache, all requests at once."""
        count = step.batch.answers
        k, v = (self._gather(stored, step.batch.tables.flatten(), count) for stored in cache)
        # The query heads that share a key head take the place of query tokens, so no key is repeated in memory.
        grouped = q.reshape(count, self._kv_heads, -1, self._head_dim)
        return self._sdpa(grouped, k, v, step.answers).reshape(count, self._heads, self._head_dim)

    def _attend_span(
        self, q: torch.Tensor, span: Span, seen: torch.Tensor, cache: tuple[torch.Tensor, torch.Tensor]
    ) -> torch.Tensor:
        """One piece of a prompt against its request's cache, the piece itself included."""
        k, v = (self._gather(stored, span.table, 1)[:, :, : seen.shape[1]] for stored in cache)
        k, v = (t.repeat_interleave(self._heads // self._kv_heads, dim=1) for t in (k, v))
        return self._sdpa(q.transpose(0, 1)[None], k, v, seen)[0].transpose(0, 1)

    def _gather(self, stored: torch.Tensor, blocks: torch.Tensor, count: int) -> torch.Tensor:
        """[count, kv heads, tokens, head_dim] of the blocks of `count` requests. Whole blocks: six times faster than by token."""
        return stored.index_select(0, blocks).view(count, -1, self._kv_heads, self._head_dim).transpose(1, 2)

    @staticmethod
    def _sdpa(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        if q.dtype == torch.bfloat16 and q.device.type == "cpu":
            # bfloat16 attention is several times slower than float32 on a CPU.
            return functional.scaled_dot_product_attention(q.float(), k.float(), v.float(), seen).to(q.dtype)
        return functional.scaled_dot_product_attention(q, k, v, seen)


class FeedForward(nn.Module):
    def __init__(self, config: DecoderConfig, empty: Empty) -> None:
        super().__init__()
        self.gate_up_proj = Linear(empty, config.hidden_size, 2 * config.intermediate_size, bias=config.mlp_bias)
        self.down_proj = Linear(empty, config.intermediate_size, config.hidden_size, bias=config.mlp_bias)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        gate, up = self.gate_up_proj(hidden).chunk(2, dim=-1)
        out: torch.Tensor = self.down_proj(functional.silu(gate) * up)
        return out


class Layer(nn.Module):
    def __init__(self, config: DecoderConfig, empty: Empty) -> None:
        super().__init__()
        self.input_layernorm = RmsNorm(empty, config.hidden_size, config.norm_eps)
        self.self_attn = Attention(config, empty)
        self.post_attention_layernorm = RmsNorm(empty, config.hidden_size, config.norm_eps)
        self.mlp = FeedForward(config, empty)

    def forward(self, hidden: torch.Tensor, step: Step, cache: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        hidden = hidden + self.self_attn(self.input_layernorm(hidden), step, cache)
        out: torch.Tensor = hidden + self.mlp(self.post_attention_layernorm(hidden))
        return out


class Decoder(nn.Module):
    """The whole network, from token ids to logits."""

    def __init__(self, config: DecoderConfig, empty: Empty) -> None:
        """The weights are what `empty` makes: `load` fills them."""
        super().__init__()
        self.config = config
        self.embed_tokens = Embedding(empty, config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config, empty) for _ in range(config.layers))
        self.norm = RmsNorm(empty, config.hidden_size, config.norm_eps)
        self.lm_head = Linear(empty, config.hidden_size, config.vocab_size, bias=False)
        if config.tied:
            self.lm_head.weight = self.embed_tokens.weight
        self.rope = Rope(config.rope, config.head_dim, self.norm.weight.device)

    def forward(self, batch: Batch, cache: KvCache) -> torch.Tensor:
        """Logits [rows, vocabulary] of the batch's `rows`; fills the cache with the batch's keys and values."""
        hidden = self.embed_tokens(batch.tokens)
        cosine, signed_sine = self.rope(batch.positions, hidden.dtype)
        steps = {
            window: Step(batch, cosine, signed_sine, _answers_see(batch, cache, window), _spans_see(batch, window))
            for window in set(self.config.windows)
        }
        for layer, window, layer_cache in zip(self.layers, self.config.windows, cache, strict=True):
            hidden = layer(hidden, steps[window], layer_cache)
        logits: torch.Tensor = self.lm_head(self.norm(hidden[batch.rows]))
        return logits

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


def _answers_see(batch: Batch, cache: KvCache, window: int | None) -> torch.Tensor:
    width = batch.tables.shape[1] * cache[0][0].shape[1]
    return _see(batch.positions[: batch.answers], width, window)[:, None, None, :]


def _spans_see(batch: Batch, window: int | None) -> list[torch.Tensor]:
    return [_see(batch.positions[s.start : s.end], s.context + s.end - s.start, window) for s in batch.spans]


def _see(positions: torch.Tensor, width: int, window: int | None) -> torch.Tensor:
    """[tokens, width] True where a token at a position may look: at itself and before, at most `window` places back."""
    place = torch.arange(width, device=positions.device)
    seen = place <= positions[:, None]
    return seen if window is None else seen & (place > positions[:, None] - window)
