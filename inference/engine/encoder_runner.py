"""Runs an encoder on a device: loads weights, turns texts into tensors and vectors, or into scores of labels."""

from __future__ import annotations

from functools import partial
from itertools import accumulate

import numpy
import torch

from inference.engine.architecture import EncoderConfig
from inference.engine.checkpoint import Checkpoint
from inference.engine.errors import CheckpointError
from inference.engine.models.encoder import Encoder
from inference.engine.models.layers import DtypeName, best_dtype, pack, weights_of
from inference.engine.models.ragged import Ragged
from inference.engine.models.threads import Threads
from inference.engine.stats import Memory


class EncoderRunner:
    """An encoder on one device. For one thread at a time."""

    def __init__(
        self, checkpoint: Checkpoint, *, device: str = "cpu", dtype: DtypeName = "float32", counted: bool = False
    ) -> None:
        """Loads the weights. Raises CheckpointError when they cannot be served.

        With `counted` it stands in for something faster that could not be had.
        """
        if not isinstance(checkpoint.config, EncoderConfig):
            raise CheckpointError(f"{checkpoint.config.architecture} is not an encoder")
        self.config = checkpoint.config
        self.device = torch.device(device)
        self.dtype: DtypeName = best_dtype(self.device) if dtype == "auto" else dtype
        """What the weights are held in."""
        try:
            self._network = self._load(checkpoint)
        except OverflowError:
            if dtype != "auto":
                raise CheckpointError(f"a weight is beyond what {dtype} holds; load it as float32") from None
            self.dtype = "float32"
            self._network = self._load(checkpoint)
        self.slow_path = 0
        """Calls, where it stands in for something faster."""
        self._stands_in = counted

    def _load(self, checkpoint: Checkpoint) -> Encoder:
        network = Encoder(self.config, partial(torch.empty, dtype=getattr(torch, self.dtype), device=self.device))
        network.load(checkpoint.weights())
        self._weights_bytes = weights_of(network)
        pack(network)
        self._threads = Threads.measured(network.layers)
        return network

    @property
    def memory(self) -> Memory:
        return Memory(self._weights_bytes)

    def embed(self, texts: list[list[int]], dimensions: list[int | None]) -> list[bytes | None]:
        """One vector a text, float32 little-endian; None where it is not finite. A vector cut to its `dimensions` gets
        length 1 again."""
        return answers(self.computed(texts), dimensions)

    def tag(self, texts: list[list[int]]) -> list[numpy.ndarray | None]:
        """Logits [tokens, labels] of each text, float32 little-endian; None where one is not finite."""
        return scores(self.computed(texts), texts)

    def wipe_buffers(self) -> int:
        """Zeroes what calls leave in buffers that outlive them: torch frees all of its own."""
        return 0

    @torch.inference_mode()
    def computed(self, texts: list[list[int]]) -> numpy.ndarray:
        """Vectors [texts, hidden], or logits [tokens, labels], float32."""
        self.slow_path += self._stands_in
        with self._threads.fit(sum(map(len, texts))):
            values: numpy.ndarray = self._network(*Ragged.pack(texts, self.device)).cpu().numpy()
        return values.astype("<f4", copy=False)


def answers(vectors: numpy.ndarray, dimensions: list[int | None]) -> list[bytes | None]:
    """Of vectors [texts, hidden] what `embed` gives."""
    return [
        _cut(vector, size).tobytes() if numpy.isfinite(vector).all() else None
        for vector, size in zip(vectors, dimensions, strict=True)
    ]


def scores(logits: numpy.ndarray, texts: list[list[int]]) -> list[numpy.ndarray | None]:
    """Of logits [tokens, labels] what `tag` gives."""
    ends = [*accumulate(map(len, texts))]
    return [rows if numpy.isfinite(rows).all() else None for rows in numpy.split(logits, ends[:-1])]


def _cut(vector: numpy.ndarray, dimensions: int | None) -> numpy.ndarray:
    if dimensions is None or dimensions == len(vector):
        return vector
    head = vector[:dimensions]
    length = numpy.linalg.norm(head)
    return head / length if length > 0 else head
