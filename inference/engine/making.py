"""From a checkpoint to an artifact of it: compiled for this machine, proven, measured, signed, and kept only if it is right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from compiler.artifact.fingerprint import here
from compiler.artifact.publication import Unsaved, workroom
from compiler.artifact.signature import Sign
from compiler.backends.cpu import isa
from compiler.backends.cpu.toolchain import find_compiler
from compiler.tune.finals import NothingFits
from compiler.tune.tuner import Tuner
from compiler.validate.contract import Contract, contract_for
from inference.engine import compiled_step, encoder_step
from inference.engine.artifact import Manifest, Proof, manifest_in, save
from inference.engine.checkpoint import Checkpoint
from inference.engine.compiled_encoder import LEAST_COSINE, CompiledEncoder, TooCoarse
from inference.engine.compiled_model import UNCOMPILED
from inference.engine.compiled_runner import CompiledRunner
from inference.engine.decoder_runner import DecoderRunner
from inference.engine.deployment import Weights
from inference.engine.encoder_proving import encoder_truth, proved_encoder
from inference.engine.encoder_runner import EncoderRunner
from inference.engine.judging import Judged, Progress
from inference.engine.protocol import Kind
from inference.engine.proving import proved, truth_of
from inference.engine.tuning import tuned


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


def default_contract(weights: Weights, kind: Kind = "chat") -> Contract:
    """For a checkpoint of that kind."""
    contract = contract_for(None if weights == "as-they-are" else weights)
    # Of a text there is one vector, and whoever looks for near ones sees its direction alone.
    return contract if kind == "chat" or weights == "as-they-are" else replace(contract, cosine=LEAST_COSINE)


def make(
    source: Path,
    into: Path,
    *,
    weights: Weights,
    sign: Sign,
    contract: Contract | None = None,
    tuner: Tuner | None = None,
    progress: Progress,
) -> Made:
    """Compiles the checkpoint folder `source`, with settings that `tuner` finds, and writes the artifact below `into`.

    Raises CheckpointError, Unmade or Disproven; then nothing is written. It takes as many threads as torch has.
    """
    checkpoint = Checkpoint.open(source)
    digest = checkpoint.digest()
    contract = contract or default_contract(weights, checkpoint.kind)
    prove = _decoder if checkpoint.kind == "chat" else _encoder
    try:
        with workroom(into) as work:
            candidate, judged, measurements = prove(checkpoint, digest, work, weights, contract, tuner, progress)
            if judged.reasons:
                raise Disproven(judged)
            path = save(
                candidate.held,
                [candidate.native.path],
                into,
                sign,
                checkpoint=digest,
                weights=weights,
                dtype=candidate.dtype,
                fingerprint=here((isa.best().name,), find_compiler().version),
                contract=contract.plain(),
                evidence=Proof(judged.said, tuple(measurements), torch.get_num_threads()),
            )
    except (*UNCOMPILED, TooCoarse, NothingFits, Unsaved) as error:
        raise Unmade(f"{error}.") from error
    except OSError as error:
        raise Unmade(f"{error.filename or into}: {error.strerror}.") from error
    return Made(path, manifest_in(path))


_Proved = tuple[CompiledRunner | CompiledEncoder, Judged, list[dict[str, Any]]]


def _decoder(
    checkpoint: Checkpoint,
    digest: str,
    work: Path,
    weights: Weights,
    contract: Contract,
    tuner: Tuner | None,
    progress: Progress,
) -> _Proved:
    truth = truth_of(checkpoint, progress)
    progress("compiling", 0, 1)
    candidate = CompiledRunner(checkpoint, work, weights=weights, digest=digest)
    if tuner is not None:
        timed = compiled_step.idle(candidate.config, candidate.store.dtype)
        candidate = CompiledRunner(
            checkpoint, work, dtype=candidate.dtype, held=tuned(candidate.held, timed, work, tuner)
        )
    eager = DecoderRunner(checkpoint, dtype=candidate.dtype)
    return candidate, *proved(checkpoint, truth, eager, candidate, contract, progress)


def _encoder(
    checkpoint: Checkpoint,
    digest: str,
    work: Path,
    weights: Weights,
    contract: Contract,
    tuner: Tuner | None,
    progress: Progress,
) -> _Proved:
    truth = encoder_truth(checkpoint, progress)
    progress("compiling", 0, 1)
    candidate = CompiledEncoder(checkpoint, work, weights=weights, digest=digest)
    if tuner is not None:
        timed = encoder_step.idle(candidate.config)
        candidate = CompiledEncoder(
            checkpoint, work, dtype=candidate.dtype, held=tuned(candidate.held, timed, work, tuner)
        )
    eager = EncoderRunner(checkpoint, dtype=candidate.dtype)
    return candidate, *proved_encoder(checkpoint, truth, eager, candidate, contract, progress)
