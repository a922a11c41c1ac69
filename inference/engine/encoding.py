"""What an encoder is to whoever serves it, whatever computes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import accumulate

import numpy
import torch

from inference.engine.architecture import EncoderConfig
from inference.engine.checkpoint import Checkpoint
from inference.engine.errors import CheckpointError
from inference.engine.stats import Memory


def encoder_config(checkpoint: Checkpoint) -> EncoderConfig:
    """Raises CheckpointError for a checkpoint of another kind."""
    if not isinstance(checkpoint.config, EncoderConfig):
        raise CheckpointError(f"{checkpoint.config.architecture} is not an encoder")
    return checkpoint.config


class Encoding(ABC):
    """For one thread at a time."""

    config: EncoderConfig
    device: torch.device
    slow_path: int
    """Calls, where it stands in for something faster."""

    @property
    @abstractmethod
    def memory(self) -> Memory: ...

    @abstractmethod
    def computed(self, texts: list[list[int]]) -> numpy.ndarray:
        """Vectors [texts, hidden], or logits [tokens, labels], float32."""

    @abstractmethod
    def wipe_buffers(self) -> int:
        """Zeroes what calls leave in buffers that outlive them; the number of bytes."""

    def embed(self, texts: list[list[int]], dimensions: list[int | None]) -> list[bytes | None]:
        """One vector a text, float32 little-endian; None where it is not finite. A vector cut to its `dimensions` gets length 1
        again."""
        return [
            _cut(vector, size).tobytes() if numpy.isfinite(vector).all() else None
            for vector, size in zip(self.computed(texts), dimensions, strict=True)
        ]

    def tag(self, texts: list[list[int]]) -> list[numpy.ndarray | None]:
        """Logits [tokens, labels] of each text, float32 little-endian; None where one is not finite."""
        ends = [*accumulate(map(len, texts))]
        parts = numpy.split(self.computed(texts), ends[:-1])
        return [rows if numpy.isfinite(rows).all() else None for rows in parts]


def batches(texts: list[list[int]], most_tokens: int, most_texts: int | None = None) -> Iterator[list[list[int]]]:
    """The texts in their order, at most so many tokens and texts a call."""
    some: list[list[int]] = []
    room = most_tokens
    for ids in texts:
        if len(ids) > room or len(some) == most_texts:
            yield some
            some, room = [], most_tokens
        some.append(ids)
        room -= len(ids)
    yield some


def _cut(vector: numpy.ndarray, dimensions: int | None) -> numpy.ndarray:
    if dimensions is None or dimensions == len(vector):
        return vector
    head = vector[:dimensions]
    length = numpy.linalg.norm(head)
    return head / length if length > 0 else head
