from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from compiler.backends.triton import paged
from compiler.backends.triton.capabilities import capabilities
from compiler.backends.triton.codegen import launch_of, planned
from compiler.backends.triton.launch import NoTriton
from compiler.backends.triton.plans import Launch, Multiply
from compiler.backends.triton.resources import Resources, compile_, resources
from compiler.backends.triton.sampling import drawing
from compiler.backends.triton.spaces import Tunable
from tests.compiler.backends.triton import interpreted
from tests.compiler.backends.triton.layers import Layer
from tests.compiler.backends.triton.test_codegen import decode_plan
from tests.compiler.tune.tunables import DEVICE

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
Interpret = Callable[..., Any]
LLAMA_8B = {"hidden": 4096, "heads": 32, "groups": 8, "head": 128, "wide": 14336, "places": 8192}
QWEN3_8B = {**LLAMA_8B, "wide": 12288, "head_norms": True}
ONE = Layer(texts=1, dtype=torch.bfloat16, **LLAMA_8B)
EIGHT = Layer(texts=8, dtype=torch.bfloat16, **QWEN3_8B)
BYTES = Layer(texts=1, dtype=torch.bfloat16, quantized=torch.int8, **LLAMA_8B)


def compiled(layer: Layer, device: str, folder: Path) -> dict[str, tuple[Launch, Resources]]:
    found = {}
    for name, group in layer.launched().items():
        launch = launch_of(group, capabilities(device))
        found[name] = launch, resources(launch, capabilities(device), folder)
    return found


@pytest.mark.parametrize("device", ["sm_80", "sm_90", "sm_100"])
@pytest.mark.parametrize("layer", [ONE, EIGHT], ids=["1 row of Llama 8 B", "8 rows of Qwen3 8 B"])
def test_what_the_rules_choose_does_not_spill_and_copies_while_it_computes(
    kernels: Path, device: str, layer: Layer
) -> None:
    for name, (_, found) in compiled(layer, device, kernels).items():
        assert found.problem(capabilities(device)) is None, name
        assert found.async_copies, name
        assert 0 < found.registers <= 255
        # A row or two are summed without them.
        assert found.tensor_cores == (layer.texts > 2 or name == "attention"), name


def test_parts_of_a_sum_are_counted_and_not_added_where_they_meet(kernels: Path) -> None:
    device = capabilities("sm_90")
    split = [
        launch for launch in planned(EIGHT.graph(), device).launches if launch.cut is not None and launch.cut.split > 1
    ]

    assert len({launch.source.entry for launch in split}) == 3
    for launch in split:
        ptx = compile_(launch, device, kernels).asm["ptx"]
        before, atomic, _ = ptx.partition("atom.global.gpu.acq_rel.add.u32")
        assert atomic and "bar.sync" in "\n".join(before.splitlines()[-30:])
        assert len(re.findall(r"\b(?:atom|red)\.", ptx)) == 1


def test_bytes_and_pages_and_samplers_do_not_spill_either(kernels: Path) -> None:
    device = capabilities("sm_90")
    pages = paged.Pages(8, 4096, 16, 512, 32, 8, 128, torch.bfloat16)
    groups = BYTES.launched()
    sampler = drawing(8, 128_256, torch.bfloat16).launches
    for launch in (
        launch_of(groups["gate_up"], device),
        launch_of(groups["down"], device),
        paged.attention(pages, device),
        paged.qkv(pages, 4096, device, eps=1e-5),
        *sampler,
    ):
        assert resources(launch, device, kernels).problem(device) is None, launch.source.entry


@pytest.mark.parametrize("device", ["sm_90", "sm_100"])
@pytest.mark.parametrize("texts", [1, 8])
def test_floats_of_eight_bits_do_not_spill_where_there_are_such(kernels: Path, device: str, texts: int) -> None:
    layer = Layer(texts=texts, dtype=torch.bfloat16, quantized=torch.float8_e4m3fn, **LLAMA_8B)

    for name, (_, found) in compiled(layer, device, kernels).items():
        assert found.problem(capabilities(device)) is None, name


@pytest.mark.parametrize("device", ["sm_80", "gfx942"])
def test_floats_of_eight_bits_are_left_to_the_library_elsewhere(device: str) -> None:
    layer = Layer(dtype=torch.bfloat16, quantized=torch.float8_e4m3fn, **LLAMA_8B)

    plan = planned(layer.graph(), capabilities(device))

    assert f"{device} has no float8" in {step.reason for step in plan.steps if isinstance(step, Multiply)}
    assert not any(launch.source.entry in ("linear", "qkv") for launch in plan.launches)


def test_loops_of_a_step_are_compiled_as_well(kernels: Path) -> None:
    loops = [launch for launch in decode_plan(layers=1).launches if launch.source.entry == "loop"]

    assert len(loops) == 2
    for launch in loops:
        assert resources(launch, capabilities("sm_90"), kernels).shared == 0


def test_kernels_are_compiled_for_amd(kernels: Path) -> None:
    device = capabilities("gfx942")

    for name, (_, found) in compiled(EIGHT, "gfx942", kernels).items():
        assert found.problem(device) is None and found.tensor_cores, name
    for launch in drawing(8, 128_256, torch.float32).launches:
        assert resources(launch, device, kernels).problem(device) is None


def test_hopper_multiplies_in_groups_of_warps_where_there_are_rows_for_it(kernels: Path) -> None:
    device = capabilities("sm_90")
    group = Layer(texts=64, dtype=torch.bfloat16, **LLAMA_8B).launched()["down"]

    found = resources(launch_of(group, device), device, kernels)

    assert found.warpgroups and found.problem(device) is None


def test_a_candidate_that_spills_or_asks_for_too_much_is_not_measured(kernels: Path) -> None:
    tunable = Tunable(ONE.launched()["down"], capabilities("sm_90"), kernels)
    default = tunable.space.default

    assert tunable.prune(default) is None
    assert "spills" in str(tunable.prune({**default, "block_n": 32, "block_k": 1024, "warps": 1}))
    assert "shared memory" in str(tunable.prune({**default, "block_n": 32, "block_k": 1024, "warps": 8, "stages": 6}))
    rules = list(tunable.rules({}))
    assert 6 <= len(rules) <= 12 and all(tunable.space.problem(each) is None for each in rules)


def test_a_winner_is_kept_under_all_that_decides_it(tmp_path: Path) -> None:
    first, second, *others = (
        Tunable(layer.launched()[name], capabilities("sm_90"), tmp_path).key(DEVICE)
        for layer, name in (
            (ONE, "down"),
            (ONE, "down"),
            (EIGHT, "down"),
            (ONE, "out"),
            (BYTES, "down"),
            (ONE, "attention"),
        )
    )

    assert first.exact == second.exact and len({first.exact, *(other.exact for other in others)}) == 5
    assert dict(first.shape) == {"rows": 1, "columns": 4096, "depth": 14336} and first.dtype == "bfloat16xbfloat16"


def test_what_is_compiled_stays_in_its_folder(kernels: Path, tmp_path: Path) -> None:
    launch = planned(Layer().graph(), capabilities("sm_90")).launches[0]
    resources(launch, capabilities("sm_90"), tmp_path)

    assert (tmp_path / launch.source.name).exists() and any((tmp_path / "compiled").iterdir())
    assert "TRITON_CACHE_DIR" not in os.environ


def test_nothing_is_compiled_where_triton_interprets(interpret: Interpret, kernels: Path) -> None:
    with pytest.raises(NoTriton, match="unset it"):
        interpret(interpreted.compiled, kernels)
