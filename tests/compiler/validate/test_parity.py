from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
import torch
from torch import nn

import compiler
from compiler.backends.cpu import isa
from compiler.frontend.exported import capture
from compiler.ir.interpret import interpret
from compiler.ir.program import Program
from compiler.native.native import Compiled, build
from compiler.native.source import Source, source_of
from compiler.native.threads import Threads
from compiler.passes.manager import for_processor, optimized
from compiler.validate.contract import Contract, Kind
from compiler.validate.oracle import oracle_of
from compiler.validate.parity import Parities, Parity
from tests.compiler.networks import DecodeStep, Encoder, decoder_example, encoder_example

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("built")


@pytest.fixture(scope="module")
def decoder() -> tuple[Program, Source]:
    program = capture(DecodeStep("llama", layers=1), decoder_example())
    return program, source_of(for_processor(optimized(program)))


def _tried(program: Program, source: Source, text: str, weights: Sequence[torch.Tensor], folder: Path) -> Parity:
    made = build(text, folder, isa.best())
    threads = Threads(made, isa.best(), threads=2)
    step = Compiled(source.step, weights, threads, made)
    parity = Parities(program, Contract()).of(step, decoder_example())
    threads.close()
    return parity


def test_what_is_compiled_as_it_was_meant_keeps_its_contract(decoder: tuple[Program, Source], folder: Path) -> None:
    program, source = decoder

    parity = _tried(program, source, source.text, source.weights, folder)

    assert parity.holds and parity.truth == "float64"
    assert [finding.what for finding in parity.findings] == ["output 0", "cache keys_0", "cache values_0"]
    assert all(0 < finding.error <= finding.allowed for finding in parity.findings)
    assert parity.findings[0].agreement == 1 and parity.findings[0].kl < 1e-9 and parity.findings[0].cosine > 0.99999


def test_the_same_code_is_found_the_same(decoder: tuple[Program, Source], folder: Path) -> None:
    program, source = decoder

    first, again = (_tried(program, source, source.text, source.weights, folder) for _ in range(2))

    assert first == again


def test_one_changed_constant_in_the_source_is_stopped(decoder: tuple[Program, Source], folder: Path) -> None:
    program, source = decoder
    # Given the scale of attention, 1/√16, a hundredth too large
    planted, times = re.subn(r"\b0\.25f?\b", "0.2525f", source.text, count=1)
    assert times == 1

    parity = _tried(program, source, planted, source.weights, folder)

    assert not parity.holds
    assert re.fullmatch(r"output 0: the error is .*, and .* is allowed", parity.reasons[0])


@pytest.mark.parametrize("spoil", [lambda words: words.flip(0), lambda words: words ^ (1 << 20)])
def test_a_wrong_packed_weight_is_stopped(
    decoder: tuple[Program, Source], folder: Path, spoil: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    program, source = decoder
    packed = max(range(len(source.weights)), key=lambda number: source.weights[number].numel())
    weights = list(source.weights)
    words = weights[packed].view(torch.int32).clone()
    words[:1] = spoil(words[:1]) if words.shape[0] == 1 else spoil(words)[:1]
    weights[packed] = words.view(weights[packed].dtype)

    assert not _tried(program, source, source.text, weights, folder).holds


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_truth_has_more_digits_than_the_program(dtype: torch.dtype) -> None:
    example = decoder_example()
    network, exact = DecodeStep("llama", dtype=dtype), DecodeStep("llama", dtype=torch.float64)
    exact.load_state_dict(network.state_dict())
    program = capture(network, example)

    truth = oracle_of(program).compute(example, program.states)

    with torch.no_grad():
        meant = exact(*example)
    eager = interpret(program.graph, example, weights=program.weights, states=program.states).outputs[0]
    assert truth.outputs[0].dtype == torch.float64
    off = (truth.outputs[0] - meant).abs().max()
    assert 20 * off < (eager.double() - meant).abs().max() or off < 1e-6


def test_an_encoder_has_a_truth_too() -> None:
    program = capture(Encoder(), encoder_example())

    assert oracle_of(program).compute(encoder_example(), {}).outputs[0].dtype == torch.float64


class Doubling(nn.Module):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values * 2


def _doubling(off: float) -> Callable[[Sequence[torch.Tensor], Mapping[str, torch.Tensor]], Sequence[torch.Tensor]]:
    return lambda inputs, states: (inputs[0] * 2 + off,)


def test_a_contract_to_the_bit_takes_no_other_bit() -> None:
    program, example = capture(Doubling(), (torch.randn(3, 8),)), (torch.randn(3, 8),)

    for kind, off, holds in (
        (Kind.BITWISE, 0.0, True),
        (Kind.BITWISE, 1e-6, False),
        (Kind.NEAR, 1e-6, True),
        (Kind.NEAR, 1e-2, False),
    ):
        assert Parities(program, Contract(kind)).of(_doubling(off), example).holds is holds


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_what_is_no_number_where_the_truth_is_one_is_stopped(wrong: float) -> None:
    program, example = capture(Doubling(), (torch.randn(3, 8),)), (torch.randn(3, 8),)

    parity = Parities(program, Contract()).of(_doubling(wrong), example)

    assert not parity.holds and parity.findings[0].plain()["error"] == "inf"


class Squaring(nn.Module):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return (values * values).sum(-1, keepdim=True) / values


def test_a_half_that_overflows_by_itself_is_said_so() -> None:
    example = (torch.full((2, 8), 300.0, dtype=torch.float16),)
    program = capture(Squaring(), example)

    parity = Parities(program, Contract()).of(lambda inputs, states: (Squaring()(inputs[0]),), example)

    assert not parity.holds and "no number in float16; serve it in bfloat16" in parity.reasons[0]


def test_a_contract_that_nothing_keeps_leaves_the_reference_to_serve() -> None:
    module = nn.Sequential(nn.Linear(8, 24), nn.GELU()).requires_grad_(False)
    none = Contract(ratio=0, slack={})

    artifact = compiler.compile(module, (torch.randn(2, 8),), contract=none)

    [fallback] = artifact.report.fallbacks
    assert "compiled code is not what was meant" in fallback["reason"] and not artifact.report.is_compiled
    inputs = torch.randn(2, 8)
    assert torch.equal(artifact(inputs), module(inputs))
    assert artifact.drift.slow_path_total["reference"] == 1


def test_bytes_for_weights_are_held_against_their_own_meaning_and_the_original() -> None:
    artifact = compiler.compile(DecodeStep("llama", layers=1), decoder_example(), quantize="int8")

    assert artifact.report.is_compiled, artifact.report
    [parity] = artifact.report.parity
    logits = parity["findings"][0]
    assert 0 < logits["kl"] < 0.05 and logits["cosine"] > 0.99
    assert artifact.report.contract["kind"] == "distributional"

    strict = Contract(Kind.DISTRIBUTIONAL, kl=1e-9)
    artifact = compiler.compile(DecodeStep("llama", layers=1), decoder_example(), quantize="int8", contract=strict)
    assert "weights of more bits" in artifact.report.fallbacks[0]["reason"]
