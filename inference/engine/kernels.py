"""Where kernels on a GPU come from: compiled as a model is loaded, or proven before, as an artifact has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import torch

from compiler.artifact.fingerprint import fits_gpu
from compiler.artifact.kernel_folder import check_plans, cuts_in, read_program
from compiler.artifact.signature import Verify
from compiler.tune.tuner import Tuner
from inference.engine.artifact import Manifest, opened
from inference.engine.blackbox import BlackBox
from inference.engine.deployment import Compiled
from inference.engine.gpu import BESIDE, Cutting, Gpu, or_no_kernels
from inference.engine.kernel_program import kernel_program, plans_of, share
from inference.engine.kernel_steps import KernelSteps
from inference.engine.models.decoder import Decoder, KvCache
from inference.engine.models.layers import DtypeName
from inference.engine.proven_runner import check_survived
from inference.engine.sampler import Draw, Drawn
from inference.engine.scheduler import Chunk


class Kernels(Protocol):
    def __call__(self, network: Decoder, cache: KvCache) -> KernelSteps:
        """Steps over that cache. The weights of norms go into the layers of `network` that follow them, so that both compute with
        the same tensors: it says what it said before. Raises NoKernels, and the network is as it was."""
        ...


@dataclass(frozen=True)
class Captured:
    """Of the network itself. Weights that are quantized are held beside a decoder's own, which stay as they are."""

    gpu: Gpu
    folder: Path
    """Where what Triton compiles is kept."""
    quantized: torch.dtype | None = None
    tuner: Tuner | None = None
    """Measures how launches are cut best; without one rules say it."""

    @property
    def cutting(self) -> Cutting:
        """Of each size."""
        return self.gpu.cutting(self.tuner, self.folder)

    def __call__(self, network: Decoder, cache: KvCache) -> KernelSteps:
        gpu, pages = self.gpu, len(cache[0])
        with or_no_kernels():
            program = kernel_program(network, self.quantized)
            plans = plans_of(program, network.config, pages, gpu, dict.fromkeys(gpu.sizes, self.cutting))
            steps = KernelSteps(program, plans, cache, self.folder, gpu.device, gpu.record)
        if self.quantized is None:
            share(network, steps.weights)
        return steps


@dataclass(frozen=True)
class Proven:
    """Of an artifact whose files have been checked, and nothing else than what was proven."""

    gpu: Gpu
    path: Path
    manifest: Manifest
    folder: Path
    """Where what Triton compiles is kept."""
    box: BlackBox

    @property
    def dtype(self) -> DtypeName:
        """Of what is not quantized."""
        return self.manifest.dtype

    def __call__(self, network: Decoder, cache: KvCache) -> KernelSteps:
        gpu, pages, address = self.gpu, len(cache[0]), self.manifest.address
        with or_no_kernels():
            program = read_program(self.path)
            plans = plans_of(program, network.config, pages, gpu, cuts_in(self.path))
            check_plans(self.path, plans)
            with self.box.running(address, "load"):
                steps = _Boxed(address, self.box, program, plans, cache, self.folder, gpu.device, gpu.record)
        if self.manifest.weights == "as-they-are":
            share(network, steps.weights)
        return steps


def proven(
    checkpoint: str, compiled: Compiled, verify: Verify | None, box: BlackBox, gpu: Gpu, folder: Path | None
) -> Proven:
    """The kernels of the artifact that was made of the checkpoint of that digest. What Triton compiles is kept in `folder`, or
    beside the artifacts. Raises Refused."""
    check_survived(compiled, box)
    manifest = opened(compiled, checkpoint, verify, partial(fits_gpu, mine=gpu.fingerprint))
    path = Path(compiled.path)
    return Proven(gpu, path, manifest, folder or path.parent / BESIDE, box)


class _Boxed(KernelSteps):
    """Of which the process's black box knows."""

    def __init__(self, address: str, box: BlackBox, *given: object) -> None:
        """And whatever steps are made of."""
        self._address, self._box = address, box
        super().__init__(*given)  # type: ignore[arg-type]  # as they are typed there

    def draw(
        self, chunks: Sequence[Chunk], draws: Sequence[Draw | None]
    ) -> tuple[torch.Tensor, list[Drawn | None]] | None:
        with self._box.running(self._address, "step"):
            return super().draw(chunks, draws)
