"""Runs a compiled encoder: texts become the arrays of native calls, and vectors or scores of labels come back.

The same bits come out for a text alone and in company.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy
import torch

from inference.engine.architecture import EncoderConfig
from inference.engine.checkpoint import Checkpoint
from inference.engine.compiled_step import Weights
from inference.engine.encoder_runner import answers, scores
from inference.engine.encoder_step import EncoderStep
from inference.engine.errors import CheckpointError
from inference.engine.models.encoder import Encoder
from inference.engine.models.layers import DtypeName, best_dtype
from inference.engine.models.ragged import Ragged

LEAST_COSINE = 0.999
"""Between what weights of bytes give and float32, for the worst of `_PROBES` texts: below that bytes are not served."""
_PROBES, _SHORTEST, _LONGEST = 16, 8, 256
_SEED = 6


class TooCoarse(ValueError):
    """Weights of bytes would answer too differently; the message says how much."""


class CompiledEncoder:
    """An encoder on this machine's processor. For one thread at a time."""

    device = torch.device("cpu")

    def __init__(
        self, checkpoint: Checkpoint, folder: Path, *, dtype: DtypeName = "auto", weights: Weights = "as-they-are"
    ) -> None:
        """Compiles into `folder` what is not there yet.

        Raises CheckpointError when the weights cannot be served, TooCoarse when they cannot as bytes, or one of `UNCOMPILED`.
        """
        if not isinstance(checkpoint.config, EncoderConfig):
            raise CheckpointError(f"{checkpoint.config.architecture} is not an encoder")
        self.config = checkpoint.config
        chosen = best_dtype(self.device) if dtype == "auto" else dtype
        # Of float16 only weights would be: bfloat16 has the range, and the kernels.
        self.dtype: DtypeName = "bfloat16" if chosen != "float32" else "float32"
        """What the weights are held in, or were before they became bytes."""
        encoder = _loaded(checkpoint, self.config, getattr(torch, self.dtype))
        self._step = EncoderStep(encoder, folder, weights=weights, threads=torch.get_num_threads())
        del encoder
        self.slow_path = 0
        """Calls that were not computed by what was compiled: none, since one source is for every size."""
        if weights == "int8":
            found = self._cosine(checkpoint)
            if not found >= LEAST_COSINE:
                raise TooCoarse(
                    f"with int8 weights the worst of {_PROBES} texts has cosine {found:.4f} to float32, and {LEAST_COSINE} is the "
                    f"least; {self.dtype} is served instead"
                )

    def embed(self, texts: list[list[int]], dimensions: list[int | None]) -> list[bytes | None]:
        """As `EncoderRunner.embed`."""
        return answers(self._run(texts), dimensions)

    def tag(self, texts: list[list[int]]) -> list[numpy.ndarray | None]:
        """As `EncoderRunner.tag`."""
        return scores(self._run(texts), texts)

    def wipe_buffers(self) -> int:
        """Zeroes what calls leave in buffers that outlive them; the number of bytes."""
        return self._step.wipe()

    def _run(self, texts: list[list[int]]) -> numpy.ndarray:
        found = [self._step(some) for some in _calls(texts, self._step.most_tokens)]
        return found[0] if len(found) == 1 else numpy.concatenate(found)

    def _cosine(self, checkpoint: Checkpoint) -> float:
        """The least cosine of a vector, or of a token's scores, to what float32 gives for texts that nobody wrote."""
        draw = random.Random(_SEED)
        longest = min(self.config.max_tokens, _LONGEST)
        lengths = [draw.randint(min(_SHORTEST, longest), longest) for _ in range(_PROBES)]
        texts = [[draw.randrange(self.config.vocab_size) for _ in range(length)] for length in lengths]
        exact = _loaded(checkpoint, self.config, torch.float32)
        with torch.inference_mode():
            expected = torch.cat([exact(*Ragged.pack([ids], self.device)) for ids in texts])
        found = torch.from_numpy(self._run(texts))
        self.wipe_buffers()
        return float(torch.cosine_similarity(found, expected).min())


def _loaded(checkpoint: Checkpoint, config: EncoderConfig, dtype: torch.dtype) -> Encoder:
    encoder = Encoder(config, partial(torch.empty, dtype=dtype, device=CompiledEncoder.device))
    encoder.load(checkpoint.weights())
    return encoder


def _calls(texts: list[list[int]], most: int) -> Iterator[list[list[int]]]:
    """The texts in their order, at most `most` tokens a call."""
    some: list[list[int]] = []
    room = most
    for ids in texts:
        if len(ids) > room:
            yield some
            some, room = [], most
        some.append(ids)
        room -= len(ids)
    yield some
