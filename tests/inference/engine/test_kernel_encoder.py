"""Encoders of the compiler's kernels, in Triton's interpreter: beside torch, and as artifacts, proven, served, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from compiler.backends.triton.plans import Multiply
from compiler.backends.triton.resources import resources
from inference.engine.architecture import EncoderConfig
from inference.engine.artifact import manifest_in
from inference.engine.checkpoint import Checkpoint
from inference.engine.compiled_encoder import loaded
from inference.engine.deployment import Weights
from inference.engine.gpu import Gpu
from inference.engine.kernel_encoder import encoder_plans, encoder_program
from inference.engine.models.layers import DtypeName
from tests.inference.engine import checkpoints, interpreted_encoders, interpreted_steps
from tests.inference.engine.interpreted_encoders import TEXTS, Form

Interpret = Callable[..., Any]


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("form", "dtype", "batches", "used"),
    [
        ("bert", "float32", (16, 96), {96: 2}),
        ("roberta", "bfloat16", (96,), {96: 2}),
        ("tagger", "float32", (80,), {80: 2}),
    ],
)
def test_texts_have_the_vectors_that_torch_gives_them(
    interpret: Interpret, tmp_path: Path, form: Form, dtype: DtypeName, batches: tuple[int, ...], used: dict[int, int]
) -> None:
    seen = interpret(interpreted_encoders.computed, tmp_path, form, batches, dtype, TEXTS)

    exact = 1e-4 if dtype == "float32" else 5e-2
    assert numpy.abs(seen.mine - seen.theirs).max() <= exact * numpy.abs(seen.theirs).max()
    assert seen.mine.dtype == numpy.dtype("<f4") and seen.mine.shape == seen.theirs.shape
    assert seen.used == used
    assert not seen.left
    assert seen.memory[0] <= seen.memory[1]


@pytest.mark.timeout(400)
def test_more_texts_than_a_batch_takes_are_several(interpret: Interpret, tmp_path: Path) -> None:
    texts = [[number, 3, 4] for number in range(20)]

    seen = interpret(interpreted_encoders.computed, tmp_path, "bert", (16, 80), "float32", texts)

    # Of 80 tokens there are ten texts.
    assert seen.used == {80: 4}
    assert numpy.abs(seen.mine - seen.theirs).max() <= 1e-4 * numpy.abs(seen.theirs).max()


def test_all_of_the_real_minilm_is_launched_and_nothing_spills(tmp_path: Path) -> None:
    checkpoint = Checkpoint.open(checkpoints.minilm())
    assert isinstance(checkpoint.config, EncoderConfig)
    program = encoder_program(loaded(checkpoint, checkpoint.config, torch.bfloat16))
    gpu = interpreted_steps.interpreter((1,))

    plans = encoder_plans(program, gpu, {size: {} for size in Gpu.batches})

    for size, each in plans.items():
        assert len(each.plan.steps) <= 7 + 8 * checkpoint.config.layers
        assert [step for step in each.plan.steps if isinstance(step, Multiply)] or size <= 64
    for launch in {each.source: each for each in plans[256].plan.launches}.values():
        assert resources(launch, gpu.chip, tmp_path).problem(gpu.chip) is None, launch.source.entry


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("form", "weights"), [("roberta", "as-they-are"), ("tagger", "int8")])
def test_what_is_served_is_what_was_proven(interpret: Interpret, tmp_path: Path, form: Form, weights: Weights) -> None:
    seen = interpret(interpreted_encoders.artifact, tmp_path, form, weights, (32, 96))

    assert seen.same
    assert seen.serves
    manifest = manifest_in(seen.path)
    assert (manifest.fingerprint.kind, manifest.weights) == ("cuda", weights)
    assert seen.steps == ["encode 1"]
    plans = json.loads((seen.path / "plans.json").read_bytes())
    assert sorted(plans) == ["32", "96"]
    steps = [step for size in plans.values() for step in size["plan"]["steps"]]
    assert not any("aten" in step for step in steps) and any("library" in step for step in steps)
    # All texts, and those that fill each size.
    rows = sum(map(len, TEXTS)) if form == "tagger" else len(TEXTS)
    assert seen.parity["rows"] > 2 * rows
    for field, reason in {"device": "device", "driver": "library", "headers": "library"}.items():
        assert seen.refusals[field].startswith(f"{reason}: ")
    assert "plans the program otherwise than it was proven" in seen.refusals["plans"]


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("kernel", "wrong"),
    [
        ("ragged", ("past - 1", "past")),
        ("means", ("tl.maximum(end - start, 1)", "tl.maximum(end - start, 2)")),
    ],
)
def test_a_wrong_kernel_is_stopped(interpret: Interpret, tmp_path: Path, kernel: str, wrong: tuple[str, str]) -> None:
    assert "the error is" in interpret(interpreted_encoders.planted, tmp_path, kernel, wrong)
