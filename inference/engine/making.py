"""From a checkpoint to an artifact of it: compiled for this machine, proven, measured, signed, and kept only if it is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from compiler.artifact.addressed import FileEntry
from compiler.artifact.fingerprint import Fingerprint, here
from compiler.artifact.kernel_folder import write_kernels
from compiler.artifact.publication import Unsaved, workroom
from compiler.artifact.signature import Sign
from compiler.backends.cpu import isa
from compiler.backends.cpu.toolchain import find_compiler
from compiler.tune.finals import NothingFits
from compiler.tune.tuner import Tuner
from compiler.validate.contract import Contract, contract_for
from inference.engine import compiled_step, encoder_step
from inference.engine.artifact import Manifest, Proof, manifest_in, save, step_files
from inference.engine.checkpoint import Checkpoint
from inference.engine.compiled_encoder import LEAST_COSINE, CompiledEncoder, TooCoarse
from inference.engine.compiled_model import UNCOMPILED, CompiledModel
from inference.engine.compiled_runner import CompiledRunner
from inference.engine.decoder_runner import DecoderRunner
from inference.engine.deployment import Weights
from inference.engine.encoder_kernels import captured_encoder
from inference.engine.encoder_proving import encoder_truth, proved_encoder
from inference.engine.encoder_runner import EncoderRunner
from inference.engine.errors import NoKernels
from inference.engine.gpu import BESIDE, Gpu
from inference.engine.judging import Judged, Progress
from inference.engine.kernels import Captured
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
    gpu: Gpu | None = None,
    progress: Progress,
) -> Made:
    """Compiles the checkpoint folder `source` for this processor, with settings that `tuner` finds, or for a GPU, and writes the
    artifact below `into`.

    Raises CheckpointError, Unmade or Disproven; then there is no artifact. It takes as many threads as torch has.
    """
    checkpoint = Checkpoint.open(source)
    digest = checkpoint.digest()
    contract = contract or default_contract(weights, checkpoint.kind)
    request = _Request(checkpoint, digest, weights, contract, tuner, progress)
    try:
        with workroom(into) as work:
            if gpu is not None:
                proven = _on_gpu(request, into, gpu)
            else:
                proven = (_decoder if checkpoint.kind == "chat" else _encoder)(request, work)
            if proven.judged.reasons:
                raise Disproven(proven.judged)
            path = save(
                proven.fill,
                into,
                sign,
                checkpoint=digest,
                weights=weights,
                dtype=proven.dtype,
                fingerprint=proven.fingerprint,
                contract=contract.plain(),
                evidence=Proof(proven.judged.said, tuple(proven.measurements), proven.threads),
            )
    except (*UNCOMPILED, TooCoarse, NothingFits, NoKernels, Unsaved) as error:
        raise Unmade(f"{error}.") from error
    except OSError as error:
        raise Unmade(f"{error.filename or into}: {error.strerror}.") from error
    return Made(path, manifest_in(path))


@dataclass(frozen=True, slots=True)
class _Request:
    checkpoint: Checkpoint
    digest: str
    weights: Weights
    contract: Contract
    tuner: Tuner | None
    progress: Progress


@dataclass(frozen=True, slots=True)
class _Proven:
    """What may be saved, if the judge has no reason against it."""

    judged: Judged
    measurements: list[dict[str, Any]]
    dtype: str
    fingerprint: Fingerprint
    threads: int
    fill: Callable[[Path], dict[str, FileEntry]]


def _decoder(request: _Request, work: Path) -> _Proven:
    checkpoint, progress = request.checkpoint, request.progress
    truth = truth_of(checkpoint, progress)
    progress("compiling", 0, 1)
    candidate = CompiledRunner(checkpoint, work, weights=request.weights, digest=request.digest)
    if request.tuner is not None:
        timed = compiled_step.idle(candidate.config, candidate.store.dtype)
        held = tuned(candidate.held, timed, work, request.tuner)
        candidate = CompiledRunner(checkpoint, work, dtype=candidate.dtype, held=held)
    eager = DecoderRunner(checkpoint, dtype=candidate.dtype)
    return _for_processor(candidate, proved(checkpoint, truth, eager, candidate, request.contract, progress))


def _encoder(request: _Request, work: Path) -> _Proven:
    checkpoint, progress = request.checkpoint, request.progress
    truth = encoder_truth(checkpoint, progress)
    progress("compiling", 0, 1)
    candidate = CompiledEncoder(checkpoint, work, weights=request.weights, digest=request.digest)
    if request.tuner is not None:
        held = tuned(candidate.held, encoder_step.idle(candidate.config), work, request.tuner)
        candidate = CompiledEncoder(checkpoint, work, dtype=candidate.dtype, held=held)
    eager = EncoderRunner(checkpoint, dtype=candidate.dtype)
    return _for_processor(candidate, proved_encoder(checkpoint, truth, eager, candidate, request.contract, progress))


def _for_processor(candidate: CompiledModel, proof: tuple[Judged, list[dict[str, Any]]]) -> _Proven:
    fingerprint = here((isa.best().name,), find_compiler().version)
    fill = partial(step_files, candidate.held, [candidate.native.path])
    return _Proven(*proof, candidate.dtype, fingerprint, torch.get_num_threads(), fill)


def _on_gpu(request: _Request, into: Path, gpu: Gpu) -> _Proven:
    """What Triton compiles stays beside the artifacts, where an engine finds it."""
    return (_decoder_on if request.checkpoint.kind == "chat" else _encoder_on)(gpu, request, into / BESIDE)


def _decoder_on(gpu: Gpu, request: _Request, folder: Path) -> _Proven:
    checkpoint, progress, device = request.checkpoint, request.progress, str(gpu.device)
    truth = truth_of(checkpoint, progress, device)
    progress("compiling", 0, 1)
    kernels = Captured(gpu, folder, gpu.quantized(request.weights), request.tuner)
    candidate = DecoderRunner(checkpoint, device=device, dtype="auto", kernels=kernels)
    eager = DecoderRunner(checkpoint, device=device, dtype=candidate.dtype)
    proof = proved(checkpoint, truth, eager, candidate, request.contract, progress, gpu.sizes)
    fill = partial(write_kernels, candidate.kernels.program, candidate.kernels.plans)
    return _Proven(*proof, candidate.dtype, gpu.fingerprint, 0, fill)


def _encoder_on(gpu: Gpu, request: _Request, folder: Path) -> _Proven:
    checkpoint, progress = request.checkpoint, request.progress
    truth = encoder_truth(checkpoint, progress)
    progress("compiling", 0, 1)
    captured = Captured(gpu, folder, gpu.quantized(request.weights), request.tuner)
    candidate = captured_encoder(captured, checkpoint)
    eager = EncoderRunner(checkpoint, device=str(gpu.device), dtype=candidate.dtype)
    proof = proved_encoder(checkpoint, truth, eager, candidate, request.contract, progress, gpu.batches)
    fill = partial(write_kernels, candidate.program, candidate.plans)
    return _Proven(*proof, candidate.dtype, gpu.fingerprint, 0, fill)
