"""Runs an encoder on a device: loads weights, turns texts into tensors and vectors, or into scores of labels."""

from __future__ import annotations

from functools import partial

import numpy
import torch

from inference.engine.checkpoint import Checkpoint
from inference.engine.encoding import Encoding, encoder_config
from inference.engine.errors import CheckpointError
from inference.engine.models.encoder import Encoder
from inference.engine.models.layers import DtypeName, best_dtype, pack, weights_of
from inference.engine.models.ragged import Ragged
from inference.engine.models.threads import Threads
from inference.engine.stats import Memory


class EncoderRunner(Encoding):
    """An encoder of torch on one device."""

    def __init__(
        self, checkpoint: Checkpoint, *, device: str = "cpu", dtype: DtypeName = "float32", counted: bool = False
    ) -> None:
        """Loads the weights. Raises CheckpointError when they cannot be served.

        With `counted` it stands in for something faster that could not be had.
        """
        self.config = encoder_config(checkpoint)
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

    def wipe_buffers(self) -> int:
        # Torch frees all of its own.
        return 0

    @torch.inference_mode()
    def computed(self, texts: list[list[int]]) -> numpy.ndarray:
        self.slow_path += self._stands_in
        with self._threads.fit(sum(map(len, texts))):
            values: numpy.ndarray = self._network(*Ragged.pack(texts, self.device)).cpu().numpy()
        return values.astype("<f4", copy=False)
