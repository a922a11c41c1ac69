"""The keys and values of everything that runs, in blocks, on one device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy
import torch

from inference.engine.architecture import DecoderConfig
from inference.engine.batches import Indices
from inference.engine.blocks import BLOCK_TOKENS
from inference.engine.models.decoder import KvCache


class KvStore:
    """For one thread at a time."""

    def __init__(self, config: DecoderConfig, device: torch.device, dtype: torch.dtype) -> None:
        self._config, self._device, self.dtype = config, device, dtype
        self.layers: KvCache = []
        """Empty before `reserve`."""

    @property
    def block_bytes(self) -> int:
        """Memory of one block over all layers."""
        config = self._config
        return 2 * config.layers * BLOCK_TOKENS * config.kv_heads * config.head_dim * int(self.dtype.itemsize)

    @property
    def bytes(self) -> int:
        """Of all blocks."""
        return sum(layer.nbytes for layer in self.layers)

    def reserve(self, blocks: int) -> None:
        """Makes `blocks` blocks of zeroes; to be called once."""
        shape = (blocks, BLOCK_TOKENS, 2 * self._config.kv_heads, self._config.head_dim)
        self.layers = [self._zeros(shape) for _ in range(self._config.layers)]

    @torch.inference_mode()
    def copy(self, pairs: list[tuple[int, int]]) -> None:
        """Copies each pair's first block to its second."""
        if pairs:
            source, target = self._indices(*zip(*pairs, strict=True))
            for stored in self.layers:
                stored.index_copy_(0, target, stored.index_select(0, source))

    @torch.inference_mode()
    def wipe(self, blocks: list[int]) -> None:
        """Zeroes blocks that nobody holds now: nothing of a request outlives it, and no NaN reaches the next holder, whose
        masked positions are still multiplied."""
        if blocks:
            [index] = self._indices(blocks)
            for stored in self.layers:
                stored.index_fill_(0, index, 0)

    @torch.inference_mode()
    def nonzero(self, blocks: list[int]) -> int:
        """How many of the blocks hold anything but zeroes."""
        if not blocks:
            return 0
        [index] = self._indices(blocks)
        dirty = torch.zeros(len(blocks), dtype=torch.bool, device=self._device)
        for stored in self.layers:
            dirty |= stored.index_select(0, index).flatten(1).ne(0).any(1)
        return int(dirty.sum())

    def _indices(self, *arrays: Sequence[int]) -> list[torch.Tensor]:
        indices = Indices()
        for array in arrays:
            indices.add(array)
        return indices.upload(self._device)

    def _zeros(self, shape: tuple[int, ...]) -> torch.Tensor:
        if self._device.type == "cpu":
            # numpy takes zero pages from the system, which cost memory only when written; torch would write them all now.
            numpy_type = numpy.uint16 if self.dtype == torch.bfloat16 else numpy.float32
            return torch.from_numpy(numpy.zeros(shape, dtype=numpy_type)).view(self.dtype)
        return torch.zeros(shape, dtype=self.dtype, device=self._device)
