"""A compiled decoder from an artifact: only as it was proven, and on what it was proven on."""

from __future__ import annotations

from pathlib import Path

from compiler.artifact.publication import KERNELS
from compiler.artifact.refusal import AGAIN, Reason, Refused
from compiler.artifact.signature import Verify
from inference.engine.artifact import opened, packed_digest
from inference.engine.checkpoint import Checkpoint
from inference.engine.compiled_runner import UNCOMPILED, CompiledRunner
from inference.engine.deployment import Compiled


def proven_runner(checkpoint: Checkpoint, digest: str, compiled: Compiled, verify: Verify | None) -> CompiledRunner:
    """Runs the artifact's code on the weights of the checkpoint of that digest. Raises Refused, or CheckpointError."""
    manifest = opened(compiled, digest, verify)
    try:
        runner = CompiledRunner(
            checkpoint, Path(compiled.path) / KERNELS, dtype=manifest.dtype, weights=manifest.weights
        )
    except UNCOMPILED as error:
        raise Refused(Reason.LIBRARY, f"the artifact does not fit this release: {error}", AGAIN) from error
    if packed_digest(runner.packed) != manifest.packed:
        raise Refused(Reason.LIBRARY, "this release lays the weights out otherwise than it was proven with", AGAIN)
    return runner
