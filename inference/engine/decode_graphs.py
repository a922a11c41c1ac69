"""Decode steps captured as CUDA graphs: one launch in place of hundreds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import torch

from inference.engine.batches import fill_answers
from inference.engine.blocks import BLOCK_TOKENS, blocks_for
from inference.engine.models.decoder import Batch, Decoder, KvCache, Reach
from inference.engine.scheduler import Chunk

ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
BLOCKS = (16, 64, 256)
"""Widths of block tables: contexts of 256, 1024 and 4096 tokens."""
MOST_BLOCKS = 64 * 256
"""A captured step keeps the memory of the keys and values it gathers; steps with more blocks than this run uncaptured."""


@dataclass(frozen=True, slots=True)
class _Captured:
    graph: torch.cuda.CUDAGraph
    inputs: torch.Tensor
    """[3 * rows + rows * blocks] tokens, positions, slots and tables, which the graph reads."""
    logits: torch.Tensor
    """[rows, vocabulary], which the next replay overwrites."""


class DecodeGraphs:
    """Pairs of `ROWS` and `BLOCKS`, as far as cache and `MOST_BLOCKS` go, captured at once and never under traffic."""

    def __init__(self, network: Decoder, cache: KvCache, device: torch.device, *, sink: int) -> None:
        """`sink` is a block of the cache that padding rows write to and no table names."""
        self._network, self._cache, self._device, self._sink = network, cache, device, sink
        self._captured: dict[tuple[int, int], _Captured] = {}
        longest = min(blocks_for(network.config.max_tokens), sink)
        widths = sorted({min(blocks, longest) for blocks in BLOCKS})
        pool = None
        # Largest first: the smaller ones then live in memory the largest has taken.
        for rows in reversed(ROWS):
            for blocks in reversed(widths):
                if rows * blocks > MOST_BLOCKS:
                    continue
                self._captured[rows, blocks] = captured = self._capture(rows, blocks, pool)
                pool = captured.graph.pool()
        self._sizes = sorted(self._captured)

    def step(self, chunks: Sequence[Chunk]) -> torch.Tensor | None:
        """Logits [chunks, vocabulary] of running answers, valid until the next step; None when no graph is large enough."""
        widest = max(blocks_for(chunk.end) for chunk in chunks)
        size = next(((r, b) for r, b in self._sizes if r >= len(chunks) and b >= widest), None)
        if size is None:
            return None
        captured = self._captured[size]
        captured.inputs.copy_(self._inputs(chunks, *size), non_blocking=True)
        captured.graph.replay()
        return captured.logits[: len(chunks)]

    @torch.inference_mode()
    def wipe(self) -> int:
        """Zeroes the inputs and logits of the last steps, and the padding's own block; the number of bytes.

        What else a captured step computes with is overwritten by the next one and never given to anybody.
        """
        wiped = 0
        for captured in self._captured.values():
            for buffer in (captured.inputs, captured.logits):
                buffer.zero_()
                wiped += buffer.nbytes
        for stored in self._cache:
            wiped += stored[self._sink].zero_().nbytes
        return wiped

    def _inputs(self, chunks: Sequence[Chunk], rows: int, blocks: int) -> torch.Tensor:
        values = numpy.zeros(3 * rows + rows * blocks, dtype=numpy.int64)
        # Every row of padding has a slot of its own in the sink, as far as its tokens go.
        values[2 * rows : 3 * rows] = self._sink * BLOCK_TOKENS + numpy.arange(rows) % BLOCK_TOKENS
        fill_answers(chunks, values[:rows], values[rows : 2 * rows], values[2 * rows : 3 * rows], values[3 * rows :])
        return torch.from_numpy(values).pin_memory()

    @torch.inference_mode()
    def _capture(self, rows: int, blocks: int, pool: Any) -> _Captured:
        inputs = self._inputs((), rows, blocks).to(self._device)
        reach = Reach(0, rows, rows, inputs[3 * rows :], masked=True, width=blocks * BLOCK_TOKENS)
        batch = Batch(inputs[:rows], inputs[rows : 2 * rows], inputs[2 * rows : 3 * rows], [reach], None)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(2):  # libraries choose and load their kernels at first use, which cannot be captured
                self._network(batch, self._cache)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=pool):
            logits = self._network(batch, self._cache)
        return _Captured(graph, inputs, logits)
