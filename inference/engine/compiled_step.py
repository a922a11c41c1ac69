"""A decoder compiled for this machine's processor: everything between token ids and logits is one call of native code."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from compiler.artifact.step_folder import Held
from compiler.frontend.exported import capture
from compiler.native.native import Compiled
from compiler.native.source import Source, source_of
from compiler.native.threads import Pool
from compiler.passes.manager import for_processor, in_nibbles, optimized
from compiler.passes.specialize import generalize
from inference.engine.architecture import DecoderConfig
from inference.engine.blocks import BLOCK_TOKENS
from inference.engine.deployment import Weights
from inference.engine.models.decoder import Decoder, KvCache
from inference.engine.models.plain_step import DYNAMIC, PlainStep, cache_name
from inference.engine.pools import native

MOST_TOKENS = 512
"""Of one call; a step with more is several."""
_LADDER = (1, 4, 16, 64)
"""Tokens of a call that are tried, to see how many are worth all threads."""


def compiled_step(load: Callable[[], Decoder], weights: Weights) -> Source:
    """A decoder's step. `load` gives the decoder, which is let go before weights are packed: a caller that gave the decoder itself
    would hold it until this returns.

    Raises Unsupported or NotNative: then the decoder itself has to serve.
    """
    decoder = load()
    config, cache = decoder.config, cache_dtype(decoder.norm.weight.dtype)
    program = capture(PlainStep(decoder, cache), example(), dynamic=DYNAMIC)
    # What it was captured by refers to itself in circles.
    del decoder
    gc.collect()
    program = generalize(program, {name: {0: "S"} for name in _names(config)})
    program = optimized(program)
    program = in_nibbles(program) if weights == "int4" else for_processor(program, quantized=weights == "int8")
    blocks = -(-config.max_tokens // BLOCK_TOKENS)
    return source_of(program, {"T": MOST_TOKENS, "R": MOST_TOKENS, "W": blocks})


def cache_dtype(dtype: torch.dtype) -> torch.dtype:
    """Of keys and values, for a decoder whose weights are of `dtype`."""
    return dtype if dtype == torch.bfloat16 else torch.float32


class CompiledStep:
    """Its arena is its own, so calls take turns. A token's bits depend on its own request alone, in whatever company it is."""

    def __init__(
        self, held: Held, config: DecoderConfig, folder: Path, *, cache_dtype: torch.dtype, threads: int
    ) -> None:
        """Compiles into `folder` what is not there yet. Raises ToolchainError."""
        self._names = _names(config)
        self._cache_dtype = cache_dtype
        self._native, self._pools = native(held, folder, threads)
        self._cache: KvCache | None = None
        self._states: dict[str, torch.Tensor] = {}
        self._measure(config)

    def __call__(
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
        cache: KvCache,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Shapes as `PlainStep.forward` has them, of at most `MOST_TOKENS` tokens. Logits and tokens; writes to the cache."""
        if cache is not self._cache:
            self._cache = cache
            self._states = {name: stored.flatten(0, 1) for name, stored in zip(self._names, cache, strict=True)}
        inputs = tokens, positions, slots, tables, lengths, pieces, rows, shares, whole
        logits, drawn = self._pools.run(tokens.shape[0], lambda pool: self._native(inputs, self._states, pool=pool))
        return logits, drawn

    def _measure(self, config: DecoderConfig) -> None:
        timed = idle(config, self._cache_dtype)
        self._pools.measure(lambda tokens, pool: timed(self._native, tokens, pool), _LADDER)

    @property
    def native(self) -> Compiled:
        """What is called."""
        return self._native

    def wipe(self) -> int:
        """Zeroes what the last call left behind; the number of bytes."""
        return self._native.wipe()


def idle(config: DecoderConfig, cache: torch.dtype) -> Callable[[Compiled, int, Pool | None], Sequence[torch.Tensor]]:
    """What runs a step on so many tokens, at most as many as are tried, each of which sees one place: for what takes as long
    whatever was said."""
    shape = (_LADDER[-1], 2 * config.kv_heads, config.head_dim)
    states = {name: torch.zeros(shape, dtype=cache) for name in _names(config)}

    def run(step: Compiled, tokens: int, pool: Pool | None = None) -> Sequence[torch.Tensor]:
        slots = torch.arange(tokens)
        inputs = (
            slots % config.vocab_size,
            torch.zeros(tokens, dtype=torch.int64),
            slots,
            (slots // BLOCK_TOKENS).int()[:, None],
            torch.ones(tokens, dtype=torch.int32),
            torch.full((tokens,), -1, dtype=torch.int32),
            slots,
            *_undrawn(tokens),
        )
        return step(inputs, states, pool=pool)

    return run


def _names(config: DecoderConfig) -> list[str]:
    return [cache_name(layer) for layer in range(config.layers)]


def example() -> Sequence[torch.Tensor]:
    """Sizes that are no other size of any network, nor 1, so that none is taken for one that cannot change."""
    tokens = 5
    tables, lengths = torch.zeros(tokens, 3, dtype=torch.int32), torch.ones(tokens, dtype=torch.int32)
    return (
        torch.zeros(tokens, dtype=torch.int64),
        torch.arange(tokens),
        torch.arange(tokens),
        tables,
        lengths,
        torch.full((tokens,), -1, dtype=torch.int32),
        torch.tensor([0, 1]),
        *_undrawn(2),
    )


def _undrawn(rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.full((rows, 3), -1.0), torch.zeros(rows, 2, dtype=torch.int64)
