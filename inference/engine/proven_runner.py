"""A compiled model from an artifact: only as it was proven, and on what it was proven on."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

import numpy

from compiler.artifact.fingerprint import Fingerprint, chosen, headers_digest, same_kernels
from compiler.artifact.publication import KERNELS
from compiler.artifact.refusal import AGAIN, Reason, Refused
from compiler.artifact.signature import Verify
from compiler.artifact.step_folder import read_step
from compiler.ir.interpret import Unfit
from inference.engine.artifact import Manifest, opened
from inference.engine.blackbox import BlackBox
from inference.engine.checkpoint import Checkpoint
from inference.engine.compiled_encoder import CompiledEncoder
from inference.engine.compiled_model import UNCOMPILED, CompiledModel
from inference.engine.compiled_runner import CompiledRunner
from inference.engine.deployment import Compiled


class _Proven(CompiledModel):
    """One of whose steps the process's black box knows."""

    def __init__(self, checkpoint: Checkpoint, path: Path, manifest: Manifest, box: BlackBox) -> None:
        self._artifact, self._box = manifest.address, box
        with self._running("load"):
            super().__init__(checkpoint, path / KERNELS, dtype=manifest.dtype, held=read_step(path))

    def _running(self, what: Literal["load", "step"]) -> AbstractContextManager[None]:
        return self._box.running(self._artifact, what)


class ProvenRunner(_Proven, CompiledRunner):
    def _computed(self, *given: Any) -> Any:
        """Whatever a call of the code takes and gives."""
        with self._running("step"):
            return super()._computed(*given)


class ProvenEncoder(_Proven, CompiledEncoder):
    def computed(self, texts: list[list[int]]) -> numpy.ndarray:
        with self._running("step"):
            return super().computed(texts)


def proven(
    checkpoint: Checkpoint, digest: str, compiled: Compiled, verify: Verify | None, box: BlackBox
) -> ProvenRunner | ProvenEncoder:
    """Runs the artifact that was made of the checkpoint of that digest. Raises Refused, or CheckpointError."""
    check_survived(compiled, box)
    manifest = opened(compiled, digest, verify, _fits)
    kind = ProvenRunner if checkpoint.kind == "chat" else ProvenEncoder
    try:
        return kind(checkpoint, Path(compiled.path), manifest, box)
    except (*UNCOMPILED, Unfit) as error:
        raise Refused(Reason.LIBRARY, f"the artifact does not fit this release: {error}", AGAIN) from error


def check_survived(compiled: Compiled, box: BlackBox) -> None:
    """That no process has died in an artifact's code. Raises Refused."""
    if compiled.artifact in box.died_in:
        raise Refused(
            Reason.FAULT,
            "the engine before this one died in the artifact's code",
            "Take the version back, and compile the model again; its log says where (engine.died)",
        )


def _fits(made: Fingerprint) -> None:
    chosen(made)
    same_kernels(made, headers_digest())
