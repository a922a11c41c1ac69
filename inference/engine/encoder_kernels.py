"""Where an encoder's kernels on a GPU come from: compiled as it is loaded, or proven before, as an artifact has them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy
import torch

from compiler.artifact.fingerprint import fits_gpu
from compiler.artifact.kernel_folder import check_plans, cuts_in, read_program
from compiler.artifact.signature import Verify
from compiler.tune.tuner import Tuner
from inference.engine.architecture import EncoderConfig
from inference.engine.artifact import opened
from inference.engine.blackbox import BlackBox
from inference.engine.checkpoint import Checkpoint
from inference.engine.compiled_encoder import loaded
from inference.engine.deployment import Compiled
from inference.engine.errors import CheckpointError
from inference.engine.gpu import BESIDE, Gpu, or_no_kernels
from inference.engine.kernel_encoder import KernelEncoder, encoder_plans, encoder_program
from inference.engine.models.layers import DtypeName, best_dtype
from inference.engine.proven_runner import check_survived


def captured_encoder(
    checkpoint: Checkpoint,
    gpu: Gpu,
    folder: Path,
    *,
    dtype: DtypeName = "auto",
    quantized: torch.dtype | None = None,
    tuner: Tuner | None = None,
) -> KernelEncoder:
    """Of the checkpoint itself, cut by rules, or as `tuner` finds. What Triton compiles is kept in `folder`. Raises NoKernels,
    CheckpointError."""
    config = _config(checkpoint)
    chosen = best_dtype(gpu.device) if dtype == "auto" else dtype
    try:
        encoder = loaded(checkpoint, config, getattr(torch, chosen))
    except OverflowError as error:
        raise CheckpointError(f"a weight is beyond what {chosen} holds; load it as float32") from error
    with or_no_kernels():
        program = encoder_program(encoder, quantized)
        tune = None if tuner is None else gpu.tuning(tuner, folder)
        plans = encoder_plans(program, gpu, {size: {} for size in gpu.batches}, tune)
        return KernelEncoder(config, program, plans, chosen, folder, gpu.device, gpu.record)


def proven_encoder(
    checkpoint: Checkpoint,
    digest: str,
    compiled: Compiled,
    verify: Verify | None,
    box: BlackBox,
    gpu: Gpu,
    folder: Path | None,
) -> KernelEncoder:
    """The artifact that was made of the checkpoint of that digest, and nothing else than what was proven. What Triton compiles is
    kept in `folder`, or beside the artifacts. Raises Refused, NoKernels."""
    check_survived(compiled, box)
    manifest = opened(compiled, digest, verify, partial(fits_gpu, mine=gpu.fingerprint))
    path, config = Path(compiled.path), _config(checkpoint)
    with or_no_kernels():
        program = read_program(path)
        plans = encoder_plans(program, gpu, cuts_in(path))
        check_plans(path, plans)
        with box.running(manifest.address, "load"):
            return _Boxed(
                manifest.address, box, config, program, plans, manifest.dtype, folder or path.parent / BESIDE, gpu.device,
                gpu.record,
            )  # fmt: skip


class _Boxed(KernelEncoder):
    """Of which the process's black box knows."""

    def __init__(self, address: str, box: BlackBox, *given: object) -> None:
        """And whatever encoders are made of."""
        self._address, self._box = address, box
        super().__init__(*given)  # type: ignore[arg-type]  # as they are typed there

    def computed(self, texts: list[list[int]]) -> numpy.ndarray:
        with self._box.running(self._address, "step"):
            return super().computed(texts)


def _config(checkpoint: Checkpoint) -> EncoderConfig:
    if not isinstance(checkpoint.config, EncoderConfig):
        raise CheckpointError(f"{checkpoint.config.architecture} is not an encoder")
    return checkpoint.config
