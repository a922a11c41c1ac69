"""Runs an encoder on a device: loads weights, turns texts into tensors and vectors."""

from __future__ import annotations

from functools import partial

import numpy
import torch

from inference.engine.architecture import EncoderConfig
from inference.engine.checkpoint import Checkpoint
from inference.engine.errors import CheckpointError
from inference.engine.models.encoder import Encoder
from inference.engine.models.layers import DtypeName, best_dtype, pack


class EncoderRunner:
    """An encoder on one device. For one thread at a time."""

    def __init__(self, checkpoint: Checkpoint, *, device: str = "cpu", dtype: DtypeName = "float32") -> None:
        """Loads the weights. Raises CheckpointError when they cannot be served."""
        if not isinstance(checkpoint.config, EncoderConfig):
            raise CheckpointError(f"{checkpoint.config.architecture} is not an encoder")
        self.config = checkpoint.config
        self._device = torch.device(device)
        chosen = best_dtype(self._device) if dtype == "auto" else dtype
        self._network = Encoder(self.config, partial(torch.empty, dtype=getattr(torch, chosen), device=self._device))
        self._network.load(checkpoint.weights())
        pack(self._network)

    @torch.inference_mode()
    def embed(self, texts: list[list[int]], dimensions: list[int | None]) -> list[bytes | None]:
        """One vector a text, float32 little-endian; None where it is not finite. A vector cut to its `dimensions` gets
        length 1 again."""
        longest = max(map(len, texts))
        tokens = torch.tensor([ids + [0] * (longest - len(ids)) for ids in texts], device=self._device)
        lengths = torch.tensor([len(ids) for ids in texts], device=self._device)
        vectors = self._network(tokens, lengths).cpu().numpy().astype("<f4", copy=False)
        return [
            _cut(vector, size).tobytes() if numpy.isfinite(vector).all() else None
            for vector, size in zip(vectors, dimensions, strict=True)
        ]


def _cut(vector: numpy.ndarray, dimensions: int | None) -> numpy.ndarray:
    if dimensions is None or dimensions == len(vector):
        return vector
    head = vector[:dimensions]
    length = numpy.linalg.norm(head)
    return head / length if length > 0 else head
