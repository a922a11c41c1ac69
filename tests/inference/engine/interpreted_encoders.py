"""What tests ask for of encoders of kernels; imported where Triton interprets, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast
from unittest import mock

import numpy
import torch

from inference.engine import encoder_kernels, encoder_proving, encoder_runner
from inference.engine.blackbox import BlackBox
from inference.engine.checkpoint import Checkpoint
from inference.engine.deployment import Weights
from inference.engine.encoder_kernels import captured_encoder
from inference.engine.encoder_runner import EncoderRunner
from inference.engine.encoder_worker import EncoderWorker
from inference.engine.encoding import Encoding
from inference.engine.gpu import Gpu
from inference.engine.kernels import Captured
from inference.engine.served import LoadOptions, ServedModel, load_model
from inference.engine.trust import trusted
from tests.inference.engine import artifacts, checkpoints
from tests.inference.engine.interpreted_steps import Artifact, interpreter, refused

Form = Literal["bert", "roberta", "tagger"]
TEXTS = [[5, 9, 33, 2], [7], [*range(40)], [8, 8, 8]]
"""Shorter and longer than what a size takes beside another."""


def saved(folder: Path, form: Form) -> Path:
    if form == "tagger":
        return checkpoints.save_tagger(folder / form)
    pooling = "mean" if form == "roberta" else "cls"
    return checkpoints.save_encoder(folder / form, "bert" if form == "bert" else "roberta", pooling=pooling)


def on(batches: Sequence[int], *, upcast: bool = False, **other: str) -> Gpu:
    return replace(interpreter((1,), upcast=upcast, **other), batches=batches)


@dataclass(frozen=True)
class Seen:
    mine: numpy.ndarray
    theirs: numpy.ndarray
    """By torch, of the same weights in float32."""
    used: dict[int, int]
    left: bool
    """Whether something of a text is in memory after a wipe."""
    memory: tuple[int, int]
    """Of weights, ours and torch's."""


def computed(folder: Path, form: Form, batches: Sequence[int], dtype: Any, texts: list[list[int]]) -> Seen:
    checkpoint = Checkpoint.open(saved(folder, form))
    mine = captured_encoder(Captured(on(batches, upcast=dtype == "bfloat16"), folder), checkpoint, dtype)
    theirs = EncoderRunner(checkpoint)
    found = mine.computed(texts)
    # Of another call nothing is left for this one.
    assert numpy.array_equal(mine.computed(texts), found)
    mine.wipe_buffers()
    left = any(bool(each.any()) for each in mine._steps.memories())
    return Seen(found, theirs.computed(texts), dict(mine.used), left, (mine.memory.weights, theirs.memory.weights))


def artifact(folder: Path, form: Form, weights: Weights, batches: Sequence[int]) -> Artifact:
    """An artifact for the interpreter, as one is made for a GPU, and what becomes of it in an engine."""
    _quick()
    source = saved(folder, form)
    made = artifacts.made(source, folder / "artifacts", weights, gpu=on(batches))
    checkpoint = Checkpoint.open(source)
    # No processor is called so: it stands for the GPU.
    options = LoadOptions(
        device="cpu:0", dtype="float32", verify=trusted(artifacts.trust(folder)), compiled=folder / "kept"
    )

    def served(gpu: Gpu) -> ServedModel:
        with mock.patch.object(Gpu, "at", lambda name: gpu):
            return load_model("texts", artifacts.version(source, made), options, BlackBox(folder / "socket"))

    captured = Captured(on(batches), folder / "kept", on(batches).quantized(weights))
    candidate = captured_encoder(captured, checkpoint)
    proven = served(on(batches))
    assert proven.refused is None
    found = [encoder.computed(TEXTS) for encoder in (candidate, _encoder(proven))]
    refusals = {
        field: served(on(batches, **{field: other})).refused
        for field, other in (("device", "Another GPU"), ("driver", "2"), ("headers", "others"))
    }
    with mock.patch.object(encoder_kernels, "encoder_plans", _otherwise):
        otherwise = served(on(batches))
    refusals["plans"] = otherwise.refused
    torch_serves = _encoder(otherwise)
    serves = bool(numpy.isfinite(torch_serves.computed(TEXTS)).all()) and torch_serves.slow_path > 0
    return Artifact(
        made.path,
        made.manifest.evidence.parity,
        [f"{each['step']} {each['batch']}" for each in made.manifest.evidence.measurements],
        numpy.array_equal(*found),
        {what: f"{each.reason}: {each}" for what, each in refusals.items() if each is not None},
        serves,
    )


def planted(folder: Path, of: str, wrong: tuple[str, str]) -> str:
    """What is said of an artifact when the template of a kernel is wrong; nothing may be left of it."""
    _quick()
    return refused(saved(folder, "roberta"), folder / "artifacts", on((96,)), of, wrong)


_plans = encoder_kernels.encoder_plans


def _otherwise(program: Any, gpu: Gpu, *given: Any) -> Any:
    """What a release plans that multiplies halves otherwise."""
    return _plans(program, replace(gpu, upcast=True), *given)


def _encoder(served: ServedModel) -> Encoding:
    return cast(EncoderWorker, served.worker)._runner


def _quick() -> None:
    """An interpreter takes its time: few texts, and each measured once."""
    encoder_proving._RUNS, encoder_proving._BATCHES, encoder_proving._CONTEXT = 1, (1,), 16  # type: ignore[assignment]
    encoder_proving.synthetic = lambda checkpoint, seed: TEXTS  # type: ignore[attr-defined]
    encoder_kernels.best_dtype = lambda device: "float32"  # type: ignore[attr-defined]
    encoder_runner.pack = lambda network: None  # type: ignore[attr-defined]
    torch.set_num_threads(1)
