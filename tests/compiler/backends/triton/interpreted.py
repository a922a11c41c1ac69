"""What tests ask for of the interpreter; imported where Triton interprets, and nowhere else."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hypothesis import HealthCheck, given, settings
from torch import nn

from compiler.backends.triton import paged
from compiler.backends.triton.alone import Alone
from compiler.backends.triton.capabilities import capabilities
from compiler.backends.triton.codegen import launch_of, planned
from compiler.backends.triton.given import Given
from compiler.backends.triton.launch import Step
from compiler.backends.triton.resources import resources
from compiler.backends.triton.sampling import Sampler
from compiler.backends.triton.spaces import Tunable
from compiler.backends.triton.tiles import Reach, Tiles
from compiler.frontend.exported import capture
from compiler.ir.interpret import interpret
from compiler.ir.program import Program
from compiler.passes.manager import for_gpu, optimized
from compiler.schedule.fuse import fuse
from compiler.tune.knobs import Candidate
from tests.compiler.backends.triton.layers import Layer
from tests.compiler.backends.triton.prompts import step_of_pages
from tests.compiler.graphs import Drawn, programs
from tests.compiler.networks import DecodeStep, Encoder, decoder_example, encoder_example

DEVICE = capabilities("sm_90")
warnings.filterwarnings("ignore")


@dataclass(frozen=True)
class Ran:
    mine: list[torch.Tensor]
    """Logits of each step."""
    reference: list[torch.Tensor]
    truth: list[torch.Tensor]
    """The same weights in float32."""
    states: list[tuple[torch.Tensor, torch.Tensor]]
    """Caches at the end, ours and the reference's."""
    references: list[str]
    """Why groups were left to ATen."""


def encode(folder: Path) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Vectors of two texts, what they should be, and how many groups were left to ATen."""
    example = encoder_example()
    program = optimized(capture(Encoder(layers=1), example))
    plan = planned(program.graph, DEVICE)
    [found] = Step(plan, program, {}, folder, device="cpu")(example)
    return found, interpret(program.graph, example, weights=program.weights).outputs[0], len(plan.references)


def decode(
    family: str,
    dtype: torch.dtype,
    folder: Path,
    *,
    batch: int = 2,
    tokens: int = 1,
    steps: int = 1,
    quantized: torch.dtype | None = None,
) -> Ran:
    example = decoder_example(batch, tokens)
    network, exact = DecodeStep(family, batch=batch, layers=1, dtype=dtype), DecodeStep(family, batch=batch, layers=1)
    exact.load_state_dict(network.state_dict())
    program = for_gpu(optimized(capture(network, example)), quantized=quantized)
    truth = for_gpu(optimized(capture(exact, example)), quantized=quantized)
    plan = planned(program.graph, DEVICE, upcast=dtype == torch.bfloat16)
    mine, reference, wide = (
        {name: torch.zeros_like(each) for name, each in one.states.items()} for one in (program, program, truth)
    )
    step = Step(plan, program, mine, folder, device="cpu")
    ran = Ran([], [], [], [], [each.reason for each in plan.references])
    for number in range(steps):
        inputs = (example[0] + number) % 96, example[1] + tokens * number
        ran.mine.append(step(inputs)[0].clone())
        for own, states, found in ((program, reference, ran.reference), (truth, wide, ran.truth)):
            computed = interpret(own.graph, inputs, weights=own.weights, states=states)
            states.update(computed.states)
            found.append(computed.outputs[0])
    ran.states.extend((mine[name], reference[name]) for name in mine)
    return ran


def ran(make: Callable[..., tuple[Program, Sequence[torch.Tensor]]], *about: object, folder: Path) -> tuple[Any, ...]:
    """What a program gives by kernels, what it should, and the kernels that were launched."""
    program, inputs = make(*about)
    is_half = any(each.dtype == torch.bfloat16 for each in inputs)
    plan = planned(program.graph, DEVICE, upcast=is_half)
    states = {name: state.clone() for name, state in program.states.items()}
    wanted = interpret(program.graph, inputs, weights=program.weights, states=states).outputs
    found = Step(plan, program, states, folder, device="cpu")(inputs)
    return *(each.clone() for each in found), *wanted, [step.source.entry for step in plan.launches]


def layers_of_norms(rows: int, approximate: str, folder: Path) -> tuple[torch.Tensor, torch.Tensor, list[str]]:
    """What a network of layer norms, products and activations gives, what it should, and the kernels that were launched."""
    torch.manual_seed(0)
    inner = [nn.Linear(48, 40), nn.GELU(approximate), nn.Linear(40, 24), nn.ReLU(), nn.LayerNorm(24)]
    network = nn.Sequential(nn.LayerNorm(48), *inner).requires_grad_(False)
    inputs = (3 + torch.randn(rows, 48),)
    program = optimized(capture(network, inputs))
    plan = planned(program.graph, DEVICE)
    [found] = Step(plan, program, {}, folder, device="cpu")(inputs)
    return found, network(*inputs), [step.source.entry for step in plan.launches]


def poisoned(folder: Path) -> tuple[torch.Tensor, torch.Tensor, bool]:
    """Logits with NaN in every place of the caches beyond the tokens, and with zeros; whether nothing is left after a wipe."""
    example = decoder_example(1, 2)
    program = optimized(capture(DecodeStep("llama", batch=1, layers=1), example))
    plan, found = planned(program.graph, DEVICE), []
    for poison in (torch.nan, 0.0):
        states = {name: torch.zeros_like(each) for name, each in program.states.items()}
        for state in states.values():
            state[:, :, int(example[1].max()) + 1 :] = poison
        step = Step(plan, program, states, folder, device="cpu")
        found.append(step(example)[0].clone())
    step.wipe()
    return found[0], found[1], not any(tensor.any() for tensor in (step.memory, *step.inputs, *step.outputs))


def errors(layer: Layer, cuts: dict[str, Tiles | Reach], folder: Path) -> dict[str, float]:
    """Of each group of a layer against the reference, those in `cuts` cut so."""
    found = {}
    for name, group in layer.launched().items():
        launch = launch_of(group, DEVICE, cut=cuts.get(name), upcast=layer.dtype == torch.bfloat16)
        found[name] = Alone(launch, Given(group, "cpu"), folder).error()
    return found


def programs_agree(examples: int, folder: Path) -> tuple[int, int]:
    """Random programs against the reference; launches, and groups that were left to ATen. Raises AssertionError."""
    counts = [0, 0]

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(drawn=programs(torch.float32))
    def agree(drawn: Drawn) -> None:
        program = optimized(drawn.program)
        plan = planned(program.graph, DEVICE)
        counts[0] += len(plan.launches)
        counts[1] += len(plan.references)
        states = {name: torch.zeros_like(state) for name, state in program.states.items()}
        computed = interpret(program.graph, drawn.inputs, weights=program.weights, states=states)
        mine = Step(plan, program, states, folder, device="cpu")(drawn.inputs)
        pairs = [
            *zip(mine, computed.outputs, strict=True),
            *((states[name], each) for name, each in computed.states.items()),
        ]
        for ours, theirs in pairs:
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3, equal_nan=True)

    agree()
    return counts[0], counts[1]


def tuned(layer: Layer, name: str, candidate: Candidate, folder: Path) -> tuple[bool, float]:
    tunable = Tunable(layer.launched()[name], DEVICE, folder, on="cpu")
    tunable.build({**tunable.space.default, **candidate})()
    parity = tunable.parity({**tunable.space.default, **candidate})
    return parity.passed, float(parity.measures["error"])


def over_pages_alone(folder: Path) -> list[float]:
    """How far attention of a few answers is off by itself, cut by rules and by a tuner."""
    program, _ = step_of_pages(4, 2, 16, 0, torch.float32, tokens=3)
    [group] = fuse(program.graph)
    tunable = Tunable(group, DEVICE, folder, on="cpu")
    candidates = tunable.space.default, {**tunable.space.default, "split": 2}
    return [float(tunable.parity(candidate).measures["error"]) for candidate in candidates]


def over_pages(
    q: torch.Tensor,
    cache: torch.Tensor,
    table: torch.Tensor,
    lengths: torch.Tensor,
    folder: Path,
    *,
    window: int,
    cut: Reach,
) -> torch.Tensor:
    """q [requests, heads, tokens, head_dim] to [requests, tokens, heads, head_dim]."""
    requests, heads, tokens, head_dim = q.shape
    blocks, block, both, _ = cache.shape
    pages = paged.Pages(requests, blocks, block, table.shape[1], heads, both // 2, head_dim, q.dtype, tokens, window)
    out = torch.full((requests, tokens, heads, head_dim), torch.nan, dtype=q.dtype)
    called = paged.Called(paged.attention(pages, DEVICE, cut=cut, upcast=q.dtype == torch.bfloat16), folder, "cpu")
    for _ in range(2):
        called(q, cache, cache, table, lengths, out)
    return out


def to_pages(
    x: torch.Tensor,
    weight: torch.Tensor,
    cache: torch.Tensor,
    slots: torch.Tensor,
    turn: Sequence[torch.Tensor],
    folder: Path,
    *,
    tokens: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Queries [requests, heads, tokens, head_dim], and the cache afterwards."""
    blocks, block, both, head_dim = cache.shape
    heads = weight.shape[0] // head_dim - both
    pages = paged.Pages(len(x) // tokens, blocks, block, 1, heads, both // 2, head_dim, x.dtype, tokens)
    q = torch.zeros(pages.q.shape, dtype=x.dtype)
    one = torch.ones(x.shape[1], dtype=x.dtype)
    heads_norm = torch.ones(head_dim, dtype=x.dtype)
    launch = paged.qkv(pages, x.shape[1], DEVICE, eps=1e-6, head_eps=1e-6)
    paged.Called(launch, folder, "cpu")(
        x, weight, None, None, one, None, heads_norm, heads_norm, *turn, slots, q, cache, cache
    )
    return q, cache


def sampled(logits: torch.Tensor, options: Sequence[torch.Tensor], folder: Path, *, block: int = 64) -> torch.Tensor:
    """Tokens; `options` are temperature, top k, top p and uniform numbers, for one run each as [runs, rows]."""
    sampler = Sampler(logits, folder, block=block)
    found = []
    for each in zip(*options, strict=True):
        sampler.fill(*each)
        found.append(sampler.run().clone())
    return torch.stack(found)


def compiled(folder: Path) -> None:
    resources(planned(Layer().graph(), DEVICE).launches[0], DEVICE, folder)
