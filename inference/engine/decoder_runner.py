"""Runs a decoder on a device: loads weights, holds the KV cache, turns plans into tensors."""

from __future__ import annotations

from functools import partial

import numpy
import torch

from inference.engine.architecture import DecoderConfig
from inference.engine.blocks import BLOCK_TOKENS, blocks_for
from inference.engine.checkpoint import Checkpoint
from inference.engine.errors import CheckpointError
from inference.engine.models.decoder import Batch, Decoder, KvCache, Span
from inference.engine.models.layers import DtypeName
from inference.engine.scheduler import Chunk


class DecoderRunner:
    """A decoder and its cache on one device. For one thread at a time."""

    def __init__(self, checkpoint: Checkpoint, *, device: str = "cpu", dtype: DtypeName = "float32") -> None:
        """Loads the weights. Raises CheckpointError when they cannot be served."""
        if not isinstance(checkpoint.config, DecoderConfig):
            raise CheckpointError(f"{checkpoint.config.architecture} is not a decoder")
        self.config = checkpoint.config
        self._device = torch.device(device)
        self._dtype = getattr(torch, dtype)
        self._network = Decoder(self.config, partial(torch.empty, dtype=self._dtype, device=self._device))
        self._network.load(checkpoint.weights())
        self._cache: KvCache = []

    def block_bytes(self) -> int:
        """Memory of one cache block over all layers."""
        config = self.config
        return 2 * config.layers * BLOCK_TOKENS * config.kv_heads * config.head_dim * int(self._dtype.itemsize)

    def reserve(self, blocks: int) -> None:
        """Makes a zeroed cache of `blocks` blocks; to be called once, before the first step."""
        shape = (blocks, BLOCK_TOKENS, self.config.kv_heads, self.config.head_dim)
        self._cache = [(self._zeros(shape), self._zeros(shape)) for _ in range(self.config.layers)]

    @torch.inference_mode()
    def step(self, chunks: list[Chunk]) -> torch.Tensor:
        """Computes the chunks; logits [those that sample, vocabulary], in order."""
        return self._network(self._batch(chunks), self._cache)  # type: ignore[no-any-return]

    @torch.inference_mode()
    def copy_blocks(self, pairs: list[tuple[int, int]]) -> None:
        """Copies the cache of each pair's first block to its second."""
        if pairs:
            source, target = (torch.tensor(blocks, device=self._device) for blocks in zip(*pairs, strict=True))
            for layer in self._cache:
                for stored in layer:
                    stored.index_copy_(0, target, stored.index_select(0, source))

    @torch.inference_mode()
    def wipe_blocks(self, blocks: list[int]) -> None:
        """Zeroes blocks that nobody holds now: nothing of a request outlives it, and no NaN reaches the next holder, whose
        masked positions are still multiplied."""
        if blocks:
            index = torch.tensor(blocks, device=self._device)
            for layer in self._cache:
                for stored in layer:
                    stored.index_fill_(0, index, 0)

    @torch.inference_mode()
    def nonzero_blocks(self, blocks: list[int]) -> int:
        """How many of the blocks hold anything but zeroes."""
        if not blocks:
            return 0
        index = torch.tensor(blocks, device=self._device)
        dirty = torch.zeros(len(blocks), dtype=torch.bool, device=self._device)
        for layer in self._cache:
            for stored in layer:
                dirty |= stored.index_select(0, index).flatten(1).ne(0).any(1)
        return int(dirty.sum())

    def wipe_buffers(self) -> int:
        """Zeroes what a step leaves in buffers that outlive it; the number of bytes. This runner keeps none."""
        return 0

    def _zeros(self, shape: tuple[int, ...]) -> torch.Tensor:
        if self._device.type == "cpu":
            # numpy takes zero pages from the system, which cost memory only when written; torch would write them all now.
            numpy_type = numpy.uint16 if self._dtype == torch.bfloat16 else numpy.float32
            return torch.from_numpy(numpy.zeros(shape, dtype=numpy_type)).view(self._dtype)
        return torch.zeros(shape, dtype=self._dtype, device=self._device)

    def _batch(self, chunks: list[Chunk]) -> Batch:
        tokens: list[int] = []
        positions: list[int] = []
        slots: list[int] = []
        tables: list[list[int]] = []
        spans: list[Span] = []
        rows: list[int] = []
        for chunk in chunks:
            start, end, blocks = chunk.start, chunk.end, chunk.choice.blocks
            if end - start == 1 and not spans:
                tables.append(blocks[: blocks_for(end)])
            else:
                table = self._tensor(blocks[: blocks_for(end)])
                spans.append(Span(len(tokens), len(tokens) + end - start, start, table))
            tokens += chunk.choice.tokens[start:end]
            positions += range(start, end)
            slots += [blocks[p // BLOCK_TOKENS] * BLOCK_TOKENS + p % BLOCK_TOKENS for p in range(start, end)]
            if chunk.samples:
                rows.append(len(tokens) - 1)
        width = max(map(len, tables), default=0)
        padded = [table + [0] * (width - len(table)) for table in tables]
        return Batch(
            tokens=self._tensor(tokens),
            positions=self._tensor(positions),
            slots=self._tensor(slots),
            answers=len(tables),
            tables=self._tensor(padded).view(len(tables), width),
            spans=spans,
            rows=self._tensor(rows),
        )

    def _tensor(self, values: list[int] | list[list[int]]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.int64, device=self._device)
