"""Runs a compiled encoder: texts become the arrays of native calls, and vectors or scores of labels come back.

The same bits come out for a text alone and in company.
"""

from __future__ import annotations

import random
from functools import partial
from math import exp, log
from pathlib import Path

import numpy
import torch

from compiler.artifact.step_folder import Held
from compiler.native.native import Compiled
from compiler.native.source import Source
from inference.engine.architecture import EncoderConfig
from inference.engine.checkpoint import Checkpoint
from inference.engine.compiled_model import HERE, CompiledModel
from inference.engine.deployment import Weights
from inference.engine.encoder_step import EncoderStep, byte_steps, plain_step
from inference.engine.encoding import Encoding, batches, encoder_config
from inference.engine.models.encoder import Encoder
from inference.engine.models.ragged import Ragged

LEAST_COSINE = 0.999
"""Between what weights of bytes give and float32, for the worst of some texts: below that bytes are not served."""
_TEXTS, _SHORTEST, _LONGEST = 40, 8, 256
_SEEDS = 6, 7
"""Of texts to look at before, and of those to be judged by."""


class TooCoarse(ValueError):
    """Weights of bytes would answer too differently; the message says how much."""


class CompiledEncoder(CompiledModel, Encoding):
    """An encoder, which raises TooCoarse where it cannot have weights of bytes."""

    made_by = HERE / "models", HERE / "encoder_step.py", Path(__file__)
    declines = TooCoarse
    device = torch.device("cpu")

    def _take(self, checkpoint: Checkpoint) -> None:
        self.config = encoder_config(checkpoint)

    def _load(self, folder: Path) -> None:
        self._step = self._loaded_step(self.held, folder)

    @property
    def native(self) -> Compiled:
        return self._step.native

    def wipe_buffers(self) -> int:
        return self._step.wipe()

    def computed(self, texts: list[list[int]]) -> numpy.ndarray:
        return _computed(self._step, texts)

    def _loaded_step(self, held: Held, folder: Path) -> EncoderStep:
        return EncoderStep(held, self.config, folder, threads=torch.get_num_threads())

    def _made(self, checkpoint: Checkpoint, folder: Path, weights: Weights) -> Source:
        """Over as many bytes as answer as float32 does, where they are wanted. Raises TooCoarse."""
        encoder = loaded(checkpoint, self.config, getattr(torch, self.dtype))
        if weights == "as-they-are":
            return plain_step(encoder)
        sample, probes = (synthetic(checkpoint, seed) for seed in _SEEDS)
        exact = loaded(checkpoint, self.config, torch.float32)
        with torch.inference_mode():
            expected = torch.cat([exact(*Ragged.pack([ids], self.device)) for ids in probes])
        del exact
        cosine = 0.0
        for source in byte_steps(encoder, sample):
            step = self._loaded_step(Held.of(source), folder)
            found = torch.from_numpy(_computed(step, probes))
            cosine = float(torch.cosine_similarity(found, expected).min())
            if cosine >= LEAST_COSINE:
                return source
        raise TooCoarse(
            f"with int8 weights the worst of {len(probes)} texts has cosine {cosine:.4f} to float32, and {LEAST_COSINE} is the "
            f"least; leave them in {self.dtype}"
        )


def synthetic(checkpoint: Checkpoint, seed: int) -> list[list[int]]:
    """Texts of all lengths that nobody wrote, between the tokens that every text is between."""
    draw = random.Random(seed)
    first, *_, last = [*checkpoint.tokenizer().encode(""), 0, 0][:2]
    longest = min(checkpoint.config.max_tokens, _LONGEST)
    shortest = min(_SHORTEST, longest)
    lengths = [round(exp(draw.uniform(log(shortest), log(longest)))) for _ in range(_TEXTS)]
    return [
        [first, *(draw.randrange(checkpoint.config.vocab_size) for _ in range(length - 2)), last] for length in lengths
    ]


def loaded(checkpoint: Checkpoint, config: EncoderConfig, dtype: torch.dtype) -> Encoder:
    """On the CPU, with weights that have not been packed."""
    encoder = Encoder(config, partial(torch.empty, dtype=dtype, device=CompiledEncoder.device))
    encoder.load(checkpoint.weights())
    return encoder


def _computed(step: EncoderStep, texts: list[list[int]]) -> numpy.ndarray:
    found = [step(some) for some in batches(texts, step.most_tokens)]
    return found[0] if len(found) == 1 else numpy.concatenate(found)
