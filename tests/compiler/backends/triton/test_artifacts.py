"""`compiler.compile` for a GPU, with Triton's interpreter in its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import compiler
from tests.compiler.backends.triton import interpreted_artifacts
from tests.compiler.backends.triton.interpreted_artifacts import network

Interpret = Callable[..., Any]


@pytest.mark.parametrize(("quantize", "most"), [(None, 1e-4), ("int8", 0.05), ("float8", 0.1)])
def test_a_module_is_planned_proven_saved_and_called_like_itself(
    interpret: Interpret, tmp_path: Path, quantize: str | None, most: float
) -> None:
    seen = interpret(interpreted_artifacts.rows, tmp_path, quantize)

    for found, wanted in seen.pairs:
        assert (found - wanted).abs().max() <= most * wanted.abs().max()
    assert "Interpreted GPU, sm_90" in seen.report
    assert "compiled  rows=1\ncompiled  rows=4" in seen.report
    kernels = [name for name in seen.files if name.startswith("kernels/")]
    beside = {"graph.json", "manifest.json", "plan-0.json", "plan-1.json", "weights.safetensors"}
    assert kernels and set(seen.files) == beside | set(kernels)
    assert all(name.endswith(".py") for name in kernels)
    assert seen.slow["no_bucket"] == 1
    assert seen.missing == [{"rows": 6}]
    reasons = {"device": "device", "driver": "library", "compiler": "library", "headers": "library", "plan": "library"}
    for what, reason in reasons.items():
        assert seen.refused[what].startswith(f"{reason}: ")
    assert "plans the program otherwise" in seen.refused["plan"]
    assert seen.refused["none"].startswith("device: the artifact is for a GPU, and nothing compiled for cuda could")


@pytest.mark.parametrize(("family", "dtype"), [("qwen3", torch.float32), ("llama", torch.bfloat16)])
def test_a_decoder_goes_on_from_its_caches(
    interpret: Interpret, tmp_path: Path, family: str, dtype: torch.dtype
) -> None:
    seen = interpret(interpreted_artifacts.steps, tmp_path, family, dtype)

    assert seen.fallbacks == []
    most = 1e-4 if dtype == torch.float32 else 0.1
    for found, wanted in seen.pairs:
        assert (found - wanted).abs().max() <= most * wanted.abs().max()


def test_what_is_wrong_is_left_to_the_reference(interpret: Interpret, tmp_path: Path) -> None:
    seen = interpret(interpreted_artifacts.planted, tmp_path)

    assert ["is not what was meant (sm_90: output 0: the error is" in reason for reason in seen.fallbacks] == [True]
    [(found, wanted)] = seen.pairs
    assert torch.equal(found, wanted)
    assert seen.slow["reference"] == 1


def test_what_a_tuner_found_is_what_is_launched_and_saved(interpret: Interpret, tmp_path: Path) -> None:
    seen = interpret(interpreted_artifacts.tuned, tmp_path)

    assert seen.fallbacks == []
    assert len(seen.missing) == len(seen.slow) == 2, "two products, each asked for once"
    assert set(seen.slow.values()) == {2}
    assert not seen.slow.keys() & set(seen.files), "none is launched as the rules would have it"
    for found, wanted in seen.pairs:
        assert (found - wanted).abs().max() <= 1e-4 * wanted.abs().max()


def test_where_kernels_cannot_be_kept_the_reference_serves(interpret: Interpret, tmp_path: Path) -> None:
    seen = interpret(interpreted_artifacts.nowhere, tmp_path)

    [reason] = seen.fallbacks
    assert "a kernel cannot be kept in" in reason and "give another folder" in reason
    [(found, wanted)] = seen.pairs
    assert torch.equal(found, wanted)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"target": "cuda"}, "nothing compiled for cuda could be proven here: torch sees 0 GPUs"),
        ({"target": "cuda:7"}, "number 7 was asked for"),
        ({"target": "tpu"}, "there is `cpu`, or `cpu:` and instruction sets with commas between them, `cuda`"),
    ],
)
def test_a_target_that_is_not_here_is_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        compiler.compile(network(), (torch.randn(2, 48),), **given)
