"""Runs a compiled decoder: turns plans into the arrays of one native call.

The same bits come out for a request alone and in company, so deterministic requests need no forward of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import msgspec
import torch

from compiler.ir.ops.sample import NOT_ASKED, NOT_FINITE, UNIFORM_BITS
from compiler.native.native import Compiled
from compiler.native.source import Source
from inference.engine.architecture import DecoderConfig
from inference.engine.checkpoint import Checkpoint
from inference.engine.compiled_model import HERE, CompiledModel
from inference.engine.compiled_step import MOST_TOKENS, CompiledStep, cache_dtype, compiled_step
from inference.engine.deployment import Weights
from inference.engine.errors import CheckpointError
from inference.engine.flat import Piece, flat
from inference.engine.kv_store import KvStore
from inference.engine.models.decoder import Decoder
from inference.engine.sampler import Draw, Drawn
from inference.engine.scheduler import Chunk
from inference.engine.stats import Memory

_CPU = torch.device("cpu")


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
            self._computed(pieces, list(islice(left, sum(_is_wanted(chunk, end) for chunk, _, end in pieces))))
            for pieces in _calls(chunks)
        ]
        logits = found[0][0] if len(found) == 1 else torch.cat([each for each, _ in found])
        return logits, [_drawn(token) for _, tokens in found for token in tokens.tolist()]

    def wipe_buffers(self) -> int:
        """Zeroes what steps leave in buffers that outlive them; the number of bytes."""
        return self._step.wipe()

    def _computed(self, pieces: Sequence[Piece], draws: Sequence[Draw | None]) -> tuple[torch.Tensor, torch.Tensor]:
        made = flat(pieces, apart=True)
        rows = [last for last, (chunk, _, end) in zip(made.lasts, pieces, strict=True) if _is_wanted(chunk, end)]
        return self._step(
            torch.from_numpy(made.tokens),
            torch.from_numpy(made.positions),
            torch.from_numpy(made.slots),
            torch.from_numpy(made.tables),
            torch.from_numpy(made.lengths),
            torch.from_numpy(made.firsts),
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


def _is_wanted(chunk: Chunk, end: int) -> bool:
    """Whether logits of the token before `end` are."""
    return chunk.samples and end == chunk.end


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
            pieces.append((chunk, start, end))
            room -= end - start
            start = end
    yield pieces
