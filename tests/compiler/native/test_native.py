from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import nn

from compiler.backends.cpu.library import Library
from compiler.frontend.exported import capture
from compiler.frontend.sampled import sample
from compiler.ir.interpret import Unfit, interpret
from compiler.ir.ops.sample import NOT_ASKED, NOT_FINITE
from compiler.ir.program import Program
from compiler.native.native import Native
from compiler.native.source import source_of
from compiler.native.storage import NotNative
from compiler.passes.manager import Pass, for_gpu, for_processor, in_nibbles, optimized
from tests.compiler.frontend.test_exported import BOTH, Strange, Toy
from tests.compiler.graphs import Drawn, programs
from tests.compiler.networks import DecodeStep, decoder_example

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


def _states(program: Program) -> dict[str, torch.Tensor]:
    return {name: torch.zeros_like(state) for name, state in program.states.items()}


@pytest.mark.parametrize(
    ("family", "dtype", "meant"),
    [
        ("llama", torch.float32, for_processor),
        ("mistral", torch.bfloat16, for_processor),
        ("qwen3", torch.float32, partial(for_processor, quantized=True)),
        ("llama", torch.bfloat16, in_nibbles),
    ],
)
def test_a_decoder_goes_on_as_the_interpreter_says(
    library: Library, compiled: Path, family: str, dtype: torch.dtype, meant: Pass
) -> None:
    example = decoder_example()
    program = meant(optimized(capture(DecodeStep(family, dtype=dtype), example)))
    native = Native(program, library, compiled)
    mine, theirs = _states(program), _states(program)

    for step in range(4):
        inputs = (example[0] + step) % 96, example[1] + 3 * step
        computed = interpret(program.graph, inputs, weights=program.weights, states=theirs)
        theirs = dict(computed.states)
        torch.testing.assert_close(native(inputs, mine)[0], computed.outputs[0], rtol=1e-2, atol=1e-4)
        for name, state in theirs.items():
            torch.testing.assert_close(mine[name], state, rtol=1e-2, atol=1e-3)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=programs(torch.float32))
def test_programs_that_nobody_would_write_compute_the_same(library: Library, compiled: Path, drawn: Drawn) -> None:
    program = optimized(drawn.program)
    states = _states(program)
    computed = interpret(program.graph, drawn.inputs, weights=program.weights, states=states)
    try:
        native = Native(program, library, compiled)
    except NotNative:
        return

    for mine, theirs in zip(native(drawn.inputs, states), computed.outputs, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-3, equal_nan=True)
    for name, state in computed.states.items():
        torch.testing.assert_close(states[name], state, rtol=1e-3, atol=1e-3, equal_nan=True)


def test_one_source_is_for_all_sizes_up_to_its_limits(library: Library, compiled: Path) -> None:
    program = optimized(capture(Toy(), (torch.tensor([1, 2, 3]), torch.tensor([0, 1, 2])), dynamic=BOTH))
    native = Native(program, library, compiled, {"B": 12})

    for rows in (1, 2, 5, 12):
        inputs = torch.arange(rows), torch.arange(rows) + 3
        states = {"cache": torch.randn(16, 8)}
        computed = interpret(program.graph, inputs, weights=program.weights, states=states)
        found = native(inputs, states)
        for mine, theirs in zip(found, computed.outputs, strict=True):
            torch.testing.assert_close(mine, theirs)
        torch.testing.assert_close(states["cache"], computed.states["cache"])
    with pytest.raises(Unfit, match="at most 12"):
        native((torch.arange(13), torch.arange(13)), {"cache": torch.zeros(16, 8)})


def test_nothing_of_a_cache_is_read_beyond_where_a_token_is(library: Library, compiled: Path) -> None:
    example = decoder_example()
    program = for_processor(optimized(capture(DecodeStep("llama"), example)))
    native = Native(program, library, compiled)
    clean, poisoned = _states(program), _states(program)
    for state in poisoned.values():
        state[:, :, int(example[1].max()) + 1 :] = torch.nan

    assert torch.equal(native(example, poisoned)[0], native(example, clean)[0])
    assert "arange" not in native.source.text


def test_a_layer_is_five_launches_of_functions_that_are_there_once() -> None:
    few, more = (
        source_of(for_processor(optimized(capture(DecodeStep("llama", layers=layers), decoder_example()))))
        for layers in (1, 3)
    )

    assert (more.text.count("(step, team, at);") - few.text.count("(step, team, at);")) / 2 == 5
    assert more.text.count("static void launch_") <= few.text.count("static void launch_") + 1


def test_what_was_computed_can_be_wiped(library: Library, compiled: Path) -> None:
    program = for_processor(optimized(capture(DecodeStep("llama"), decoder_example())))
    native = Native(program, library, compiled)
    native(decoder_example(), _states(program))
    assert native._memory.any()

    assert native.wipe() >= native.source.arena.bytes
    assert not native._memory.any()


def test_the_same_program_is_compiled_once(library: Library, compiled: Path) -> None:
    program = for_processor(optimized(capture(DecodeStep("llama"), decoder_example())))
    Native(program, library, compiled)
    before = sorted(compiled.iterdir())

    Native(program, library, compiled)

    assert sorted(compiled.iterdir()) == before


class Drawing(nn.Module):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values / torch.empty_like(values).exponential_()


def test_what_has_no_generated_code_is_said_so() -> None:
    for module, said in ((Strange(), "fft"), (Drawing(), "exponential")):
        with pytest.raises(NotNative, match=said):
            source_of(optimized(capture(module, (torch.randn(3, 8),))))
    with pytest.raises(NotNative, match="activations as well"):
        source_of(for_gpu(optimized(capture(DecodeStep("llama"), decoder_example())), quantized=torch.int8))
    symbolic = capture(Toy(), (torch.tensor([1, 2, 3]), torch.tensor([0, 1, 2])), dynamic=BOTH)
    with pytest.raises(NotNative, match="how large B can be"):
        source_of(optimized(symbolic))


def test_what_does_not_fit_is_refused_before_anything_is_computed(library: Library, compiled: Path) -> None:
    program = for_processor(optimized(capture(DecodeStep("llama"), decoder_example())))
    native = Native(program, library, compiled)
    tokens, positions = decoder_example()

    for inputs in ((tokens,), (tokens[:1], positions), (tokens.int(), positions)):
        with pytest.raises(Unfit):
            native(inputs, _states(program))
    with pytest.raises(Unfit):
        native((tokens, positions), {})


class Sampling(nn.Module):
    def forward(self, logits: torch.Tensor, shares: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
        return sample(logits * 2, shares, whole)


def _draws(rows: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shares = torch.rand(rows, 3, generator=generator) * torch.tensor([1.5, 1.2, 0.2])
    shares[: rows // 4, 0] = 0
    shares[rows // 4 : rows // 2, 1:] = torch.tensor([1.0, 0.0])
    whole = torch.stack(
        (torch.randint(0, 30, (rows,), generator=generator), torch.randint(0, 2**53, (rows,), generator=generator)), 1
    )
    whole[rows // 4 : rows // 3, 0] = 0
    return torch.randn(rows, 300, generator=generator), shares, whole


def test_a_step_ends_with_the_tokens_that_it_draws(library: Library, compiled: Path) -> None:
    program = optimized(
        capture(Sampling(), _draws(6, 0), dynamic={name: {0: "R"} for name in ("logits", "shares", "whole")})
    )
    native = Native(program, library, compiled, {"R": 400})
    logits, shares, whole = _draws(400, 1)
    logits[7, 3], logits[8, 4], logits[9, 5] = float("nan"), float("inf"), -float("inf")
    shares[10, 0] = -1

    [found] = native((logits, shares, whole), {})
    [expected] = interpret(program.graph, (logits, shares, whole), weights={}).outputs

    assert found[7:11].tolist() == [NOT_FINITE, NOT_FINITE, NOT_FINITE, NOT_ASKED]
    # A uniform number that falls on a border may go either way: no more than one in all.
    assert (found != expected).sum() <= 1
    assert torch.equal(found[:7], expected[:7])
