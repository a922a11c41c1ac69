"""Artifacts for a GPU, with Triton's interpreter in its place: made, proven, signed, and run as they were proven or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inference.engine.artifact import manifest_in
from inference.engine.deployment import Weights
from tests.inference.engine import interpreted_steps

Interpret = Callable[..., Any]


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("weights", "sizes"), [("as-they-are", (4, 128)), ("float8", (4,))])
def test_what_is_served_is_what_was_proven(
    interpret: Interpret, tmp_path: Path, weights: Weights, sizes: tuple[int, ...]
) -> None:
    seen = interpret(interpreted_steps.artifact, tmp_path, weights, sizes)

    assert seen.same
    assert seen.serves
    manifest = manifest_in(seen.path)
    assert (manifest.fingerprint.kind, manifest.fingerprint.instructions) == ("cuda", ("sm_90",))
    # A prompt with 4 tokens, then as many answers as a size is for, with 3, and four prompts, which fill 128 tokens.
    assert seen.parity["rows"] == 4 + 3 * sizes[0] + 4 * (128 in sizes)
    assert seen.parity["chi_square"] > 1e-4 and seen.parity["structured"] == 1.0
    assert seen.steps == ["decode 1", "prompt 1"]
    plans = json.loads((seen.path / "plans.json").read_bytes())
    assert sorted(plans) == sorted(map(str, sizes))
    steps = [step for size in plans.values() for step in size["plan"]["steps"]]
    assert any("library" in step for step in steps) == (128 in sizes) and not any("aten" in step for step in steps)
    launched = {step["kernel"] for step in steps if "kernel" in step}
    assert {path.name for path in (seen.path / "kernels").iterdir()} == launched
    reasons = {"device": "device", "driver": "library", "compiler": "library", "headers": "library"}
    for field, reason in reasons.items():
        assert seen.refusals[field].startswith(f"{reason}: ")
    assert "torch sees 0 GPUs" in seen.refusals["gpu"]
    assert "library: this release plans the program otherwise than it was proven. Compile" in seen.refusals["plans"]


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("sizes", "kernel", "wrong"),
    [
        ((4,), "glance", ("(SCALE * ", "(1.5 * SCALE * ")),
        ((4, 128), "attend", ("tl.max(last, 0) + 1", "tl.max(last, 0)")),
    ],
)
def test_a_wrong_kernel_is_stopped(
    interpret: Interpret, tmp_path: Path, sizes: tuple[int, ...], kernel: str, wrong: tuple[str, str]
) -> None:
    assert "the error is" in interpret(interpreted_steps.planted, tmp_path, sizes, kernel, wrong)


@pytest.mark.timeout(400)
def test_what_was_tuned_is_in_the_artifact_and_is_what_is_launched(interpret: Interpret, tmp_path: Path) -> None:
    asked, plan, launched = interpret(interpreted_steps.tuned, tmp_path)

    # Queries with keys and values, attention, what follows it, gate and up, down, and the head, each once.
    assert len(asked) == len(set(asked)) == 6
    assert len(plan["cuts"]) == 6 and {cut["split"] for cut in plan["cuts"].values()} == {2}
    splits = [max(step["grid"][1:]) for step in plan["plan"]["steps"] if step["kernel"].startswith(("linear", "qkv"))]
    assert splits == [2] * 5
    assert launched
