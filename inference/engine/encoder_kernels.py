"""Where an encoder's kernels on a GPU come from: compiled as it is loaded, or proven before, as an artifact has them."""

from __future__ import annotations

import numpy
import torch

from compiler.artifact.kernel_folder import check_plans, cuts_in, read_program
from inference.engine.blackbox import BlackBox
from inference.engine.checkpoint import Checkpoint
from inference.engine.compiled_encoder import loaded
from inference.engine.encoding import encoder_config
from inference.engine.errors import CheckpointError
from inference.engine.gpu import or_no_kernels
from inference.engine.kernel_encoder import KernelEncoder, encoder_plans, encoder_program
from inference.engine.kernels import Captured, Proven
from inference.engine.models.layers import DtypeName, best_dtype


def captured_encoder(captured: Captured, checkpoint: Checkpoint, dtype: DtypeName = "auto") -> KernelEncoder:
    """Of the checkpoint itself. Raises NoKernels, CheckpointError."""
    config, gpu = encoder_config(checkpoint), captured.gpu
    chosen = best_dtype(gpu.device) if dtype == "auto" else dtype
    try:
        encoder = loaded(checkpoint, config, getattr(torch, chosen))
    except OverflowError as error:
        raise CheckpointError(f"a weight is beyond what {chosen} holds; load it as float32") from error
    with or_no_kernels():
        program = encoder_program(encoder, captured.quantized)
        plans = encoder_plans(program, gpu, dict.fromkeys(gpu.batches, captured.cutting))
        return KernelEncoder(config, program, plans, chosen, captured.folder, gpu.device, gpu.record)


def proven_encoder(proven: Proven, checkpoint: Checkpoint) -> KernelEncoder:
    """Of an artifact of the checkpoint. Raises NoKernels, CheckpointError."""
    config, gpu, address = encoder_config(checkpoint), proven.gpu, proven.manifest.address
    with or_no_kernels():
        program = read_program(proven.path)
        plans = encoder_plans(program, gpu, cuts_in(proven.path))
        check_plans(proven.path, plans)
        with proven.box.running(address, "load"):
            given = config, program, plans, proven.dtype, proven.folder, gpu.device, gpu.record
            return _Boxed(address, proven.box, *given)


class _Boxed(KernelEncoder):
    """Of which the process's black box knows."""

    def __init__(self, address: str, box: BlackBox, *given: object) -> None:
        """And whatever encoders are made of."""
        self._address, self._box = address, box
        super().__init__(*given)  # type: ignore[arg-type]  # as they are typed there

    def computed(self, texts: list[list[int]]) -> numpy.ndarray:
        with self._box.running(self._address, "step"):
            return super().computed(texts)
