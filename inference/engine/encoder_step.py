"""An encoder compiled for this machine's processor: everything between token ids and vectors is one call of native code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, chain
from pathlib import Path

import numpy
import torch

from compiler.artifact.step_folder import Held
from compiler.frontend.exported import capture
from compiler.ir.program import Program
from compiler.native.native import Compiled
from compiler.native.source import Source, source_of
from compiler.native.threads import Pool
from compiler.passes.manager import calibrated, for_processor, optimized
from compiler.passes.quantize import every, reads_no_activation
from inference.engine.architecture import EncoderConfig
from inference.engine.models.encoder import Encoder
from inference.engine.models.plain_encoder import DYNAMIC, PlainEncoder
from inference.engine.pools import native

LEAST_LIMIT = 512
"""Tokens of one call, at most; more where one text may have more."""
_LADDER = (4, 16, 64, 256)
"""Tokens of a call that are tried, to see how many are worth all threads."""
_CHOICES = every, reads_no_activation
"""Whose weights become bytes, if those of all cannot."""


def plain_step(encoder: Encoder) -> Source:
    """An encoder's step, of one whose weights have not been packed. Raises Unsupported or NotNative: then the encoder itself has to
    serve."""
    return _source(for_processor(captured(encoder)), encoder.config)


def byte_steps(encoder: Encoder, sample: list[list[int]]) -> Iterator[Source]:
    """The same over weights of bytes, of fewer and fewer layers. `sample` are texts that nobody wrote, to see what numbers the
    layers meet. Raises Unsupported, Unquantizable or NotNative."""
    for program in calibrated(captured(encoder), [arrays(sample, encoder.config.first_position)], _CHOICES):
        yield _source(program, encoder.config)


def most_tokens(config: EncoderConfig) -> int:
    """Of one call."""
    return max(LEAST_LIMIT, config.max_tokens)


def captured(encoder: Encoder) -> Program:
    """What an encoder computes whose weights have not been packed, in its own types. Raises Unsupported."""
    return optimized(capture(PlainEncoder(encoder), arrays([[0] * 3, [0] * 4], 0), dynamic=DYNAMIC))


def _source(program: Program, config: EncoderConfig) -> Source:
    return source_of(program, {"T": most_tokens(config), "N": most_tokens(config)})


class EncoderStep:
    """Its arena is its own, so calls take turns. A text's bits depend on that text alone, in whatever company it is."""

    def __init__(self, held: Held, config: EncoderConfig, folder: Path, *, threads: int) -> None:
        """Compiles into `folder` what is not there yet. Raises ToolchainError: then the encoder itself has to serve."""
        self._first_position = config.first_position
        self.most_tokens = most_tokens(config)
        """Of one call."""
        self._native, self._pools = native(held, folder, threads)
        timed = idle(config)
        self._pools.measure(lambda tokens, pool: timed(self._native, tokens, pool), _LADDER)

    def __call__(self, texts: list[list[int]]) -> numpy.ndarray:
        """Vectors [texts, hidden], or logits [tokens, labels], in float32. A text has a token at least; all have at most
        `most_tokens`."""
        inputs = arrays(texts, self._first_position)
        [values] = self._pools.run(sum(map(len, texts)), lambda pool: self._native(inputs, {}, pool=pool))
        return values.numpy()

    @property
    def native(self) -> Compiled:
        """What is called."""
        return self._native

    def wipe(self) -> int:
        """Zeroes what the last call left behind; the number of bytes."""
        return self._native.wipe()


def idle(config: EncoderConfig) -> Callable[[Compiled, int, Pool | None], Sequence[torch.Tensor]]:
    """What runs a step on a text of so many tokens, whatever they are."""

    def run(step: Compiled, tokens: int, pool: Pool | None = None) -> Sequence[torch.Tensor]:
        text = [number % config.vocab_size for number in range(tokens)]
        return step(arrays([text], config.first_position), {}, pool=pool)

    return run


def arrays(texts: list[list[int]], first_position: int) -> tuple[torch.Tensor, ...]:
    """What `PlainEncoder.forward` takes."""
    lengths = [len(ids) for ids in texts]
    ends = numpy.fromiter(accumulate(lengths), dtype=numpy.int32, count=len(lengths))
    starts = ends - numpy.array(lengths, dtype=numpy.int32)
    tokens = numpy.fromiter(chain.from_iterable(texts), dtype=numpy.int64, count=int(ends[-1]))
    places = numpy.arange(first_position, first_position + len(tokens)) - numpy.repeat(starts, lengths)
    return tuple(map(torch.from_numpy, (tokens, places, starts, ends)))
