"""An encoder on a GPU as the compiler's kernels: everything between token ids and vectors is launched as one recording."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy
import torch

from compiler.artifact.kernel_folder import Sized, SizePlan
from compiler.backends.triton.graph import Record, Recorded
from compiler.ir.program import Program
from compiler.passes.manager import for_gpu
from compiler.passes.specialize import specialize
from inference.engine.architecture import EncoderConfig
from inference.engine.encoder_step import arrays, captured
from inference.engine.encoding import Encoding, batches
from inference.engine.errors import NoKernels
from inference.engine.gpu import Cutting, Gpu
from inference.engine.models.encoder import Encoder
from inference.engine.models.layers import DtypeName
from inference.engine.recorded import RecordedSteps
from inference.engine.stats import Memory

_TOKENS_A_TEXT = 8
"""On average, at least, in a batch that fills a size; of shorter texts fewer tokens are in one."""
_LEAST_TEXTS = 4


def encoder_program(encoder: Encoder, quantized: torch.dtype | None = None) -> Program:
    """What an encoder on the CPU computes whose weights have not been packed. Weights are int8 or float8 where they are
    `quantized`. Raises Unsupported or Unquantizable."""
    return for_gpu(captured(encoder), quantized=quantized)


def encoder_plans(program: Program, gpu: Gpu, cuttings: Mapping[int, Cutting]) -> dict[int, SizePlan]:
    """By number of tokens, each cut in its way. Raises NotPlanned."""
    return {
        size: gpu.plan(specialize(program, {"T": size, "N": texts_in(size)}).graph, cutting)
        for size, cutting in cuttings.items()
    }


def texts_in(size: int) -> int:
    """How many there can be in a batch of so many tokens."""
    return max(_LEAST_TEXTS, size // _TOKENS_A_TEXT)


class KernelEncoder(Encoding):
    """For one thread at a time. It asks for nothing of the network that it was captured from."""

    slow_path = 0

    def __init__(
        self,
        config: EncoderConfig,
        program: Program,
        plans: Sized,
        dtype: DtypeName,
        folder: Path,
        device: torch.device,
        record: Record = Recorded,
    ) -> None:
        """Of a program and its plans by number of tokens. Kernels are kept in `folder`. `dtype` is that of weights that are not
        quantized.

        Raises NoKernels where no size has the longest text, NoTriton, NotCompiled, NoGraphs.
        """
        self.config, self.device, self.dtype = config, device, dtype
        self.program, self.plans = program, plans
        self._most = max(plans)
        if self._most < config.max_tokens:
            raise NoKernels(f"texts have up to {config.max_tokens} tokens, and there are kernels for {self._most}")
        self._steps = RecordedSteps(program, plans, {}, folder, device, record)

    @property
    def memory(self) -> Memory:
        held = {tensor.data_ptr(): tensor.nbytes for tensor in self._steps.weights.values()}
        return Memory(sum(held.values()), arena=sum(tensor.nbytes for tensor in self._steps.memories()))

    @property
    def used(self) -> Mapping[int, int]:
        """Batches, by the size that computed them."""
        return self._steps.used

    def computed(self, texts: list[list[int]]) -> numpy.ndarray:
        found = [self._batch(some) for some in batches(texts, self._most, texts_in(self._most))]
        return found[0] if len(found) == 1 else numpy.concatenate(found)

    def wipe_buffers(self) -> int:
        return sum(int(tensor.zero_().nbytes) for tensor in self._steps.memories())

    @torch.inference_mode()
    def _batch(self, texts: list[list[int]]) -> numpy.ndarray:
        tokens = sum(map(len, texts))
        size = next(each for each in self._steps.sizes if each.tokens >= tokens and texts_in(each.tokens) >= len(texts))
        inputs = arrays(texts, self.config.first_position)
        found = self._steps.run(
            size, [_padded(given, mine) for given, mine in zip(inputs, size.step.inputs, strict=True)]
        )
        # The caller's own: what is computed next is computed in the same memory.
        rows = tokens if self.config.labels else len(texts)
        values: numpy.ndarray = found[:rows].to("cpu", torch.float32, copy=True).numpy()
        return values.astype("<f4", copy=False)


def _padded(given: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """With zeros: padding is of no text, and a text of padding has no token."""
    found = torch.zeros(like.shape, dtype=like.dtype)
    found[: len(given)] = given
    return found
