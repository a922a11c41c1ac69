"""The GPU that an engine is on, as far as kernels for it go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch

from compiler.artifact.fingerprint import Fingerprint, here_on_gpu
from compiler.backends.triton.capabilities import Capabilities, UnknownDevice, here
from compiler.backends.triton.graph import Recorded
from compiler.tune.device import NoDevice
from inference.engine.deployment import Weights
from inference.engine.errors import NoKernels
from inference.engine.kernel_program import ROWS
from inference.engine.kernel_steps import Record


@dataclass(frozen=True)
class Gpu:
    device: torch.device
    chip: Capabilities
    fingerprint: Fingerprint
    rows: Sequence[int] = ROWS
    """Numbers of answers that kernels are planned for."""
    record: Record = Recorded
    upcast: bool = False
    """For Triton's interpreter."""

    @classmethod
    def at(cls, name: str) -> Self:
        """As torch names it: `cuda`, or `cuda:1`. Raises NoKernels."""
        device = torch.device(name)
        try:
            return cls(device, here(device.index or 0), here_on_gpu(device.index or 0))
        except (UnknownDevice, NoDevice) as error:
            raise NoKernels(str(error)) from error


def quantized(weights: Weights) -> torch.dtype | None:
    """What kernels read for `weights`; None is what the network has. Raises NoKernels."""
    if weights == "int4":
        raise NoKernels("weights of half bytes are for processors; a GPU reads int8, or weights as they are")
    return torch.int8 if weights == "int8" else None
