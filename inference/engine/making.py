"""From a checkpoint to an artifact of it: compiled for this machine, proven, measured, signed, and kept only if it is right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from compiler.artifact.fingerprint import here
from compiler.artifact.publication import Unsaved, workroom
from compiler.artifact.signature import Sign
from compiler.backends.cpu import isa
from compiler.backends.cpu.toolchain import find_compiler
from compiler.validate.contract import Contract, contract_for
from inference.engine.artifact import Manifest, Proof, manifest_in, save
from inference.engine.checkpoint import Checkpoint
from inference.engine.compiled_runner import UNCOMPILED, CompiledRunner
from inference.engine.decoder_runner import DecoderRunner
from inference.engine.deployment import Weights
from inference.engine.proving import Judged, Progress, proved, truth_of


class Unmade(Exception):
    """There is no artifact; the message says why and what to do."""


class Disproven(Unmade):
    """What was compiled is not what was meant, and nothing of it was kept."""

    def __init__(self, judged: Judged) -> None:
        super().__init__(
            f"what was compiled is not what the checkpoint means: {'; '.join(judged.reasons)}. It was not kept."
        )
        self.judged = judged


@dataclass(frozen=True, slots=True)
class Made:
    path: Path
    manifest: Manifest


def default_contract(weights: Weights) -> Contract:
    return contract_for(None if weights == "as-they-are" else weights)


def make(
    source: Path, into: Path, *, weights: Weights, sign: Sign, contract: Contract | None = None, progress: Progress
) -> Made:
    """Compiles the checkpoint folder `source` and writes the artifact below `into`. Raises CheckpointError, Unmade or Disproven;
    then nothing is written. It takes as many threads as torch has."""
    contract = contract or default_contract(weights)
    checkpoint = Checkpoint.open(source)
    if checkpoint.kind != "chat":
        raise Unmade(f"{checkpoint.config.architecture} writes no text: only decoders are compiled for a cell yet.")
    try:
        truth = truth_of(checkpoint, progress)
        with workroom(into) as work:
            progress("compiling", 0, 1)
            candidate = CompiledRunner(checkpoint, work, weights=weights)
            dtype: Literal["bfloat16", "float32"] = "bfloat16" if candidate.dtype == torch.bfloat16 else "float32"
            eager = DecoderRunner(checkpoint, dtype=dtype)
            judged, measurements = proved(checkpoint, truth, eager, candidate, contract, progress)
            if judged.reasons:
                raise Disproven(judged)
            path = save(
                candidate.held,
                list(work.glob("*.so")),
                into,
                sign,
                checkpoint=checkpoint.digest(),
                weights=weights,
                dtype=dtype,
                fingerprint=here((isa.best().name,), find_compiler().version),
                contract=contract.plain(),
                evidence=Proof(judged.said, tuple(measurements), torch.get_num_threads()),
            )
    except UNCOMPILED as error:
        raise Unmade(f"{error}.") from error
    except Unsaved as error:
        raise Unmade(f"{error}.") from error
    except OSError as error:
        raise Unmade(f"{error.filename or into}: {error.strerror}.") from error
    return Made(path, manifest_in(path))
