"""The GPU that an engine is on, as far as kernels for it go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import torch

from compiler import target
from compiler.artifact.refusal import Refused
from compiler.backends.triton.graph import NoGraphs
from compiler.backends.triton.launch import NotCompiled, NoTriton
from compiler.backends.triton.plans import NotPlanned
from compiler.frontend.exported import Unsupported
from compiler.passes.quantize import Unquantizable
from inference.engine.deployment import Weights
from inference.engine.errors import NoKernels
from inference.engine.kernel_encoder import BATCHES
from inference.engine.kernel_program import SIZES

_QUANTIZED: dict[Weights, torch.dtype] = {"int8": torch.int8, "float8": torch.float8_e4m3fn}
_NONE = NoGraphs, NoTriton, NotCompiled, NotPlanned, Unsupported, Unquantizable
BESIDE = ".kernels"
"""A folder beside those of artifacts, which have nothing in them but what was proven."""


@dataclass(frozen=True)
class Gpu(target.Gpu):
    sizes: Sequence[int] = SIZES
    """Of steps of a decoder, in tokens, that kernels are planned for."""
    batches: Sequence[int] = BATCHES
    """Those of an encoder."""

    @classmethod
    def at(cls, name: str) -> Self:
        """As torch names it: `cuda`, or `cuda:1`. Raises NoKernels."""
        try:
            return super().at(name)
        except ValueError as error:
            raise NoKernels(str(error)) from error

    def quantized(self, weights: Weights) -> torch.dtype | None:
        """What kernels read for `weights`; None is what the network has. Raises NoKernels."""
        if weights == "int4":
            raise NoKernels(
                "weights of half bytes are for processors; a GPU reads int8, float8, or weights as they are"
            )
        if weights == "float8" and not self.chip.float8:
            raise NoKernels(f"{self.chip.name} has no floats of eight bits; it reads int8, or weights as they are")
        return _QUANTIZED.get(weights)


@contextmanager
def or_no_kernels() -> Iterator[None]:
    """Raises NoKernels for whatever stands against kernels in the block."""
    try:
        yield
    except Refused as error:
        raise NoKernels(error.what) from error
    except _NONE as error:
        raise NoKernels(str(error)) from error
