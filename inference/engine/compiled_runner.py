"""Runs a compiled decoder: turns plans into the arrays of one native call.

The same bits come out for a request alone and in company, so deterministic requests need no forward of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy
import torch

from compiler.ir.ops.sample import NOT_ASKED, NOT_FINITE, UNIFORM_BITS
from compiler.native.native import Compiled
from compiler.native.source import Source
from inference.engine.architecture import DecoderConfig
from inference.engine.blocks import BLOCK_TOKENS, blocks_for
from inference.engine.checkpoint import Checkpoint
from inference.engine.compiled_model import HERE, CompiledModel
from inference.engine.compiled_step import MOST_TOKENS, CompiledStep, cache_dtype, compiled_step
from inference.engine.deployment import Weights
from inference.engine.errors import CheckpointError
from inference.engine.kv_store import KvStore
from inference.engine.models.decoder import Decoder
from inference.engine.sampler import Draw, Drawn
from inference.engine.scheduler import Chunk
from inference.engine.stats import Memory

_CPU = torch.device("cpu")
Piece = tuple[Chunk, int, int, bool]
"""A chunk's tokens from one place to before another, and whether the last one's logits are wanted."""


class CompiledRunner(CompiledModel):
    """A decoder and its cache. For one thread at a time."""

    made_by = HERE / "models", HERE / "compiled_step.py"

    def _take(self, checkpoint: Checkpoint) -> None:
        if not isinstance(checkpoint.config, DecoderConfig):
            raise CheckpointError(f"{checkpoint.config.architecture} is not a decoder")
        self.config = checkpoint.config

    def _load(self, folder: Path) -> None:
        cache = cache_dtype(getattr(torch, self.dtype))
        self._step = CompiledStep(self.held, self.config, folder, cache_dtype=cache, threads=torch.get_num_threads())
        self.store = KvStore(self.config, _CPU, cache)

    @property
    def native(self) -> Compiled:
        return self._step.native

    @property
    def memory(self) -> Memory:
        return msgspec.structs.replace(super().memory, pages=self.store.bytes)

    def _made(self, checkpoint: Checkpoint, folder: Path, weights: Weights) -> Source:
        return compiled_step(partial(_loaded, checkpoint, self.config, getattr(torch, self.dtype)), weights)

    def reserve(self, blocks: int) -> None:
        """Makes a zeroed cache of `blocks` blocks; to be called once, before the first step."""
        self.store.reserve(blocks)

    @torch.inference_mode()
    def step(self, chunks: list[Chunk]) -> torch.Tensor:
        """Computes the chunks; logits [those that sample, vocabulary], in order."""
        return self.draw(chunks, [None] * sum(chunk.samples for chunk in chunks))[0]

    @torch.inference_mode()
    def draw(self, chunks: list[Chunk], draws: Sequence[Draw | None]) -> tuple[torch.Tensor, list[Drawn | None]]:
        """The same logits, and what is drawn from each row by a draw that is plain; None where there is none."""
        left = iter(draws)
        found = [
            self._computed(pieces, list(islice(left, sum(piece[3] for piece in pieces)))) for pieces in _calls(chunks)
        ]
        logits = found[0][0] if len(found) == 1 else torch.cat([each for each, _ in found])
        return logits, [_drawn(token) for _, tokens in found for token in tokens.tolist()]

    def wipe_buffers(self) -> int:
        """Zeroes what steps leave in buffers that outlive them; the number of bytes."""
        return self._step.wipe()

    def _computed(self, pieces: Sequence[Piece], draws: Sequence[Draw | None]) -> tuple[torch.Tensor, torch.Tensor]:
        widest = max(blocks_for(end) for _, _, end, _ in pieces)
        total = sum(end - start for _, start, end, _ in pieces)
        tokens: list[int] = []
        rows: list[int] = []
        positions = numpy.empty(total, dtype=numpy.int64)
        slots = numpy.empty(total, dtype=numpy.int64)
        tables = numpy.zeros((total, widest), dtype=numpy.int32)
        firsts = numpy.full(total, -1, dtype=numpy.int32)
        at = 0
        for chunk, start, end, wanted in pieces:
            tokens += chunk.choice.tokens[start:end]
            past = at + end - start
            places: numpy.ndarray[Any, Any] = numpy.arange(start, end)
            blocks = numpy.array(chunk.choice.blocks[: blocks_for(end)])
            positions[at:past] = places
            slots[at:past] = blocks[places // BLOCK_TOKENS] * BLOCK_TOKENS + places % BLOCK_TOKENS
            tables[at:past, : len(blocks)] = blocks
            # An answer's token attends alone even when it is computed again with others: its bits are those of the first time.
            firsts[at : at + max(0, min(end, chunk.generation.prompt_tokens) - start)] = at
            if wanted:
                rows.append(past - 1)
            at = past
        return self._step(
            torch.tensor(tokens),
            torch.from_numpy(positions),
            torch.from_numpy(slots),
            torch.from_numpy(tables),
            torch.from_numpy((positions + 1).astype(numpy.int32)),
            torch.from_numpy(firsts),
            torch.tensor(rows, dtype=torch.int64),
            torch.tensor(
                [_UNASKED if draw is None else (draw.temperature, draw.top_p, draw.min_p) for draw in draws]
            ).view(-1, 3),
            torch.tensor(
                [(0, 0) if draw is None else (max(0, draw.top_k), int(draw.uniform * _PARTS)) for draw in draws],
                dtype=torch.int64,
            ).view(-1, 2),
            self.store.layers,
        )


_UNASKED = (-1.0, 1.0, 0.0)
_PARTS = 1 << UNIFORM_BITS


def _drawn(token: int) -> Drawn | None:
    return None if token == NOT_ASKED else Drawn(None if token == NOT_FINITE else token)


def _loaded(checkpoint: Checkpoint, config: DecoderConfig, dtype: torch.dtype) -> Decoder:
    decoder = Decoder(config, partial(torch.empty, dtype=dtype, device=_CPU))
    decoder.load(checkpoint.weights())
    return decoder


def _calls(chunks: Sequence[Chunk]) -> Iterator[list[Piece]]:
    """The chunks' tokens in their order, at most `MOST_TOKENS` a call."""
    pieces: list[Piece] = []
    room = MOST_TOKENS
    for chunk in chunks:
        start = chunk.start
        while start < chunk.end:
            if not room:
                yield pieces
                pieces, room = [], MOST_TOKENS
            end = min(chunk.end, start + room)
            pieces.append((chunk, start, end, chunk.samples and end == chunk.end))
            room -= end - start
            start = end
    yield pieces
