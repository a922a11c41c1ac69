"""Attention of many tokens: of answers and of prompts over pages in one step, and of texts that lie one after another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from compiler.backends.triton.capabilities import capabilities
from compiler.backends.triton.codegen import planned
from compiler.backends.triton.resources import resources
from tests.compiler.backends.triton import interpreted
from tests.compiler.backends.triton.layers import Layer
from tests.compiler.backends.triton.prompts import Texts, over_places, step_of_pages, texts

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
Interpret = Callable[..., Any]


@pytest.mark.parametrize(
    ("heads", "groups", "width", "window", "dtype"),
    [
        (4, 2, 32, 0, torch.float32),
        (7, 1, 24, 20, torch.float16),
        (2, 2, 16, 0, torch.bfloat16),
    ],
)
def test_answers_and_prompts_attend_in_one_step(
    interpret: Interpret, kernels: Path, heads: int, groups: int, width: int, window: int, dtype: torch.dtype
) -> None:
    about = heads, groups, width, window, dtype
    _, inputs = step_of_pages(*about)

    found, wanted, launched = interpret(interpreted.ran, step_of_pages, *about, folder=kernels)

    assert launched == ["prompts"]
    exact = 1e-5 if dtype == torch.float32 else 2e-2
    torch.testing.assert_close(found.float(), wanted.float(), rtol=exact, atol=exact)
    # Padding, whose length is 0, sees nothing.
    assert not found[inputs[2] == 0].any()


def test_attention_over_pages_is_tried_on_pages_that_there_are(interpret: Interpret, kernels: Path) -> None:
    """What a tuner measures and proves, by the rules' cut and by another."""
    errors = interpret(interpreted.over_pages_alone, kernels)

    assert len(errors) == 2 and max(errors) < 1e-5


@pytest.mark.parametrize(("tokens", "dtype"), [(40, torch.float32), (70, torch.bfloat16)])
def test_a_prompt_attends_to_a_cache_tile_by_tile(
    interpret: Interpret, kernels: Path, tokens: int, dtype: torch.dtype
) -> None:
    [launch] = planned(over_places(tokens, 20, dtype)[0].graph, capabilities(90)).launches

    found, wanted, _ = interpret(interpreted.ran, over_places, tokens, 20, dtype, folder=kernels)

    assert launch.grid[2] > 1
    exact = 1e-5 if dtype == torch.float32 else 2e-2
    torch.testing.assert_close(found, wanted, rtol=exact, atol=exact)


@pytest.mark.parametrize(
    ("bounds", "tokens", "dtype"),
    [
        ([(0, 5), (5, 30), (30, 31), (31, 80)], 90, torch.float32),
        ([(40, 60), (0, 40)], 60, torch.float16),
        ([(0, 1)], 1, torch.bfloat16),
    ],
)
def test_a_text_sees_itself_and_nothing_else(
    interpret: Interpret, kernels: Path, bounds: Texts, tokens: int, dtype: torch.dtype
) -> None:
    attended, means, *reference, launched = interpret(interpreted.ran, texts, bounds, tokens, dtype, folder=kernels)

    assert launched == ["ragged", "means"]
    exact = 1e-5 if dtype == torch.float32 else 2e-2
    inside = torch.zeros(tokens, dtype=torch.bool)
    for start, end in bounds:
        inside[start:end] = True
    torch.testing.assert_close(attended[inside], reference[0][inside], rtol=exact, atol=exact)
    torch.testing.assert_close(means[: len(bounds)], reference[1][: len(bounds)], rtol=exact, atol=exact)
    assert not attended[~inside].any() and not means[len(bounds) :].any()


@pytest.mark.parametrize("name", ["sm_80", "sm_90", "sm_100", "gfx942"])
@pytest.mark.parametrize(("heads", "groups", "window"), [(32, 8, 0), (28, 4, 4096)])
def test_prompts_do_not_spill(kernels: Path, name: str, heads: int, groups: int, window: int) -> None:
    device = capabilities(name)
    program, _ = step_of_pages(heads, groups, 128, window, torch.bfloat16)
    [launch] = planned(program.graph, device).launches

    found = resources(launch, device, kernels)

    assert found.problem(device) is None
    assert found.tensor_cores and found.async_copies == device.async_copies
    assert found.warpgroups == device.warpgroups


@pytest.mark.parametrize("name", ["sm_80", "sm_90", "sm_100", "gfx942"])
def test_a_prompt_over_a_cache_does_not_spill(kernels: Path, name: str) -> None:
    device = capabilities(name)
    layer = Layer(
        texts=1, tokens=512, dtype=torch.bfloat16, hidden=4096, heads=32, groups=8, head=128, wide=14336, places=1024
    )

    launches = [launch for launch in planned(layer.graph(), device).launches if launch.group is not None]

    assert {launch.source.entry for launch in launches} == {"norm", "turned", "attention", "loop"}
    for launch in launches:
        assert resources(launch, device, kernels).problem(device) is None, launch.source.entry


@pytest.mark.parametrize("name", ["sm_80", "sm_90", "sm_100", "gfx942"])
def test_texts_do_not_spill(kernels: Path, name: str) -> None:
    device = capabilities(name)
    program, _ = texts([(0, 100), (100, 300)], 512, torch.bfloat16, heads=12, width=64)

    for launch in planned(program.graph, device).launches:
        found = resources(launch, device, kernels)
        assert found.problem(device) is None
        if launch.source.entry == "ragged":
            assert found.tensor_cores and found.async_copies == device.async_copies
