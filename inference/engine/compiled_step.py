"""A decoder compiled for this machine's processor: everything between token ids and logits is one call of native code."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Literal

import torch

from compiler.backends.cpu.library import Library
from compiler.frontend.exported import capture
from compiler.native.native import Native
from compiler.passes.manager import for_processor, optimized
from compiler.passes.specialize import generalize
from inference.engine.blocks import BLOCK_TOKENS
from inference.engine.models.decoder import Decoder, KvCache
from inference.engine.models.plain_step import DYNAMIC, PlainStep, cache_name

Weights = Literal["as-they-are", "int8"]
MOST_TOKENS = 512
"""Of one call; a step with more is several."""
_LADDER = (1, 4, 16, 64)
"""Tokens of a call that are tried, to see how many are worth all threads."""
_GAIN = 1.1
"""What all threads must save, or waking them and waiting for them is not worth the cores that others could have."""
_TRIES = 4
_capturing = threading.Lock()


class CompiledStep:
    """Its arena is its own, so calls take turns. A token's bits depend on its own request alone, in whatever company it is."""

    def __init__(self, decoder: Decoder, folder: Path, *, weights: Weights, threads: int) -> None:
        """`folder` keeps what was compiled, for the next start. The decoder can be let go afterwards.

        Raises Unsupported, NotNative or ToolchainError: then the decoder itself has to serve.
        """
        dtype = decoder.norm.weight.dtype
        self.cache_dtype = dtype if dtype == torch.bfloat16 else torch.float32
        layers = decoder.config.layers
        self._names = [cache_name(layer) for layer in range(layers)]
        # torch.export is not for several threads at once.
        with _capturing:
            program = capture(PlainStep(decoder, self.cache_dtype), _example(), dynamic=DYNAMIC)
        program = generalize(program, {name: {0: "S"} for name in self._names})
        program = for_processor(optimized(program), quantized=weights == "int8")
        blocks = -(-decoder.config.max_tokens // BLOCK_TOKENS)
        limits = {"T": MOST_TOKENS, "R": MOST_TOKENS, "W": blocks}
        self._alone, self._together = Library(folder, threads=1), Library(folder, threads=threads)
        self._native = Native(program, self._together, folder, limits)
        self._worth = 0 if threads == 1 else self._least_worth(decoder)
        """The least number of tokens for which all threads are used."""

    def __call__(
        self,
        tokens: torch.Tensor,
        positions: torch.Tensor,
        slots: torch.Tensor,
        tables: torch.Tensor,
        lengths: torch.Tensor,
        rows: torch.Tensor,
        cache: KvCache,
    ) -> torch.Tensor:
        """Shapes as `PlainStep.forward` has them, with at most `MOST_TOKENS` tokens. Logits, and the cache is written to."""
        states = {name: stored.flatten(0, 1) for name, stored in zip(self._names, cache, strict=True)}
        pool = self._alone if tokens.shape[0] < self._worth else self._together
        [logits] = self._native((tokens, positions, slots, tables, lengths, rows), states, pool=pool)
        return logits

    def _least_worth(self, decoder: Decoder) -> int:
        """By the clock, because it depends on the processor, on the sizes, and on what else the machine is doing."""
        config = decoder.config
        shape = (2 * BLOCK_TOKENS, 2 * config.kv_heads, config.head_dim)
        states = {name: torch.zeros(shape, dtype=self.cache_dtype) for name in self._names}
        for tokens in _LADDER:
            nothing, unwritten = torch.zeros(tokens, dtype=torch.int64), torch.full((tokens,), -1)
            lengths = torch.zeros(tokens, dtype=torch.int32)
            inputs = nothing, nothing, unwritten, lengths[:, None], lengths, nothing
            best = {pool: float("inf") for pool in (self._alone, self._together)}
            for _ in range(_TRIES):
                for pool in best:
                    began = perf_counter()
                    self._native(inputs, states, pool=pool)
                    best[pool] = min(best[pool], perf_counter() - began)
            if best[self._alone] > _GAIN * best[self._together]:
                return tokens
        return 2 * _LADDER[-1]

    @property
    def packed(self) -> Sequence[torch.Tensor]:
        """The weights as the code reads them."""
        return self._native.source.weights

    def wipe(self) -> int:
        """Zeroes what the last call left behind; the number of bytes."""
        return self._native.wipe()


def _example() -> Sequence[torch.Tensor]:
    """Sizes that are no other size of any network, nor 1, so that none is taken for one that cannot change."""
    tokens = 5
    tables, lengths = torch.zeros(tokens, 3, dtype=torch.int32), torch.ones(tokens, dtype=torch.int32)
    return (
        torch.zeros(tokens, dtype=torch.int64),
        torch.arange(tokens),
        torch.arange(tokens),
        tables,
        lengths,
        torch.tensor([0, 1]),
    )
