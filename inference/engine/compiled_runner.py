"""Runs a compiled decoder: turns plans into the arrays of one native call.

The same bits come out for a request alone and in company, so deterministic requests need no forward of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import torch

from compiler.backends.cpu.toolchain import ToolchainError
from compiler.frontend.exported import Unsupported
from compiler.native.storage import NotNative
from compiler.passes.quantize import Unquantizable
from inference.engine.architecture import DecoderConfig
from inference.engine.blocks import BLOCK_TOKENS, blocks_for
from inference.engine.checkpoint import Checkpoint
from inference.engine.compiled_step import MOST_TOKENS, CompiledStep, Weights
from inference.engine.errors import CheckpointError
from inference.engine.kv_store import KvStore
from inference.engine.models.decoder import Decoder
from inference.engine.models.layers import DtypeName, best_dtype
from inference.engine.scheduler import Chunk

_CPU = torch.device("cpu")
UNCOMPILED = Unsupported, NotNative, ToolchainError, Unquantizable
"""Why a decoder is not compiled: it then has to be served by `DecoderRunner`."""
Piece = tuple[Chunk, int, int, bool]
"""A chunk's tokens from one place to before another, and whether the last one's logits are wanted."""


class CompiledRunner:
    """A decoder and its cache on this machine's processor. For one thread at a time."""

    def __init__(
        self, checkpoint: Checkpoint, folder: Path, *, dtype: DtypeName = "auto", weights: Weights = "as-they-are"
    ) -> None:
        """Compiles into `folder` what is not there yet. Raises CheckpointError when the weights cannot be served, or one of
        `UNCOMPILED`."""
        if not isinstance(checkpoint.config, DecoderConfig):
            raise CheckpointError(f"{checkpoint.config.architecture} is not a decoder")
        self.config = checkpoint.config
        chosen = best_dtype(_CPU) if dtype == "auto" else dtype
        # Of float16 only weights would be: bfloat16 has the range, and the kernels.
        self.dtype = torch.bfloat16 if chosen != "float32" else torch.float32
        """Of what is not quantized."""
        decoder = Decoder(self.config, partial(torch.empty, dtype=self.dtype, device=_CPU))
        decoder.load(checkpoint.weights())
        self._step = CompiledStep(decoder, folder, weights=weights, threads=torch.get_num_threads())
        self.store = KvStore(self.config, _CPU, self._step.cache_dtype)
        self.slow_path = 0
        """Steps that were not computed by what was compiled: none, since one source is for every size."""

    @property
    def packed(self) -> Sequence[torch.Tensor]:
        """The weights as the code reads them."""
        return self._step.packed

    def reserve(self, blocks: int) -> None:
        """Makes a zeroed cache of `blocks` blocks; to be called once, before the first step."""
        self.store.reserve(blocks)

    @torch.inference_mode()
    def step(self, chunks: list[Chunk]) -> torch.Tensor:
        """Computes the chunks; logits [those that sample, vocabulary], in order."""
        found = [self._computed(pieces) for pieces in _calls(chunks)]
        return found[0] if len(found) == 1 else torch.cat(found)

    def wipe_buffers(self) -> int:
        """Zeroes what steps leave in buffers that outlive them; the number of bytes."""
        return self._step.wipe()

    def _computed(self, pieces: Sequence[Piece]) -> torch.Tensor:
        widest = max(blocks_for(end) for _, _, end, _ in pieces)
        total = sum(end - start for _, start, end, _ in pieces)
        tokens: list[int] = []
        rows: list[int] = []
        positions = numpy.empty(total, dtype=numpy.int64)
        slots = numpy.empty(total, dtype=numpy.int64)
        tables = numpy.zeros((total, widest), dtype=numpy.int32)
        at = 0
        for chunk, start, end, wanted in pieces:
            tokens += chunk.choice.tokens[start:end]
            past = at + end - start
            places: numpy.ndarray[Any, Any] = numpy.arange(start, end)
            blocks = numpy.array(chunk.choice.blocks[: blocks_for(end)])
            positions[at:past] = places
            slots[at:past] = blocks[places // BLOCK_TOKENS] * BLOCK_TOKENS + places % BLOCK_TOKENS
            tables[at:past, : len(blocks)] = blocks
            if wanted:
                rows.append(past - 1)
            at = past
        # No size of a program is 0: where nobody samples, the logits of one place are computed and not given out.
        logits = self._step(
            torch.tensor(tokens),
            torch.from_numpy(positions),
            torch.from_numpy(slots),
            torch.from_numpy(tables),
            torch.from_numpy((positions + 1).astype(numpy.int32)),
            torch.tensor(rows or [0], dtype=torch.int64),
            self.store.layers,
        )
        return logits[: len(rows)]


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
