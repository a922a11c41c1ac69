"""Every pass computes what was computed before it, on networks of transformers and on graphs that nobody would write."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import nn

from compiler.frontend.exported import capture
from compiler.ir.interpret import Computed, interpret
from compiler.ir.program import Program
from compiler.ir.verify import verify
from compiler.passes.manager import PASSES, optimized
from tests.compiler.graphs import Drawn, programs
from tests.compiler.networks import FAMILIES, DecodeStep, Encoder, decoder_example, encoder_example

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


def _computed(program: Program, inputs: tuple[torch.Tensor, ...]) -> Computed:
    states = {name: tensor.clone() for name, tensor in program.states.items()}
    return interpret(program.graph, inputs, weights=program.weights, states=states)


def _agree(one: Computed, other: Computed, **bounds: float) -> None:
    for mine, theirs in zip(
        (*one.outputs, *one.states.values()), (*other.outputs, *other.states.values()), strict=True
    ):
        torch.testing.assert_close(mine, theirs, equal_nan=True, **bounds)


@pytest.mark.parametrize("name", PASSES)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=programs())
def test_a_pass_alone_changes_no_result(name: str, drawn: Drawn) -> None:
    verify(drawn.program.graph)

    passed = PASSES[name](drawn.program)

    verify(passed.graph)
    _agree(_computed(passed, drawn.inputs), _computed(drawn.program, drawn.inputs), rtol=1e-9, atol=1e-9)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=programs())
def test_no_result_changes_after_any_pass(drawn: Drawn) -> None:
    before = _computed(drawn.program, drawn.inputs)

    def watch(name: str, program: Program) -> None:
        _agree(_computed(program, drawn.inputs), before, rtol=1e-9, atol=1e-9)

    optimized(drawn.program, watch)


@pytest.mark.parametrize("family", FAMILIES)
def test_decoders_compute_the_same_after_every_pass(family: str) -> None:
    network, example = DecodeStep(family), decoder_example()
    program = capture(network, example)
    with torch.no_grad():
        logits = network(*example)
    before = _computed(program, example)
    torch.testing.assert_close(before.outputs[0], logits, rtol=0, atol=0)

    seen: list[str] = []

    def watch(name: str, passed: Program) -> None:
        seen.append(name)
        _agree(_computed(passed, example), before, rtol=1e-4, atol=1e-5)

    optimized(program, watch)

    assert seen == list(PASSES)


def test_an_encoder_computes_the_same_after_every_pass() -> None:
    network, example = Encoder(), encoder_example()
    program = capture(network, example)
    before = _computed(program, example)
    torch.testing.assert_close(before.outputs[0], network(*example), rtol=0, atol=0)

    optimized(program, lambda _, passed: _agree(_computed(passed, example), before, rtol=1e-4, atol=1e-5))


def test_half_precision_is_as_near_to_the_truth_as_it_was() -> None:
    exact, rounded, example = DecodeStep("llama"), DecodeStep("llama", dtype=torch.bfloat16), decoder_example()
    rounded.load_state_dict(exact.state_dict())
    exact.load_state_dict(rounded.state_dict())
    with torch.no_grad():
        truth, eager = exact(*example), rounded(*example)
        for buffer in (*exact.buffers(), *rounded.buffers()):
            if buffer.dim() == 4:
                buffer.zero_()
    found = _computed(optimized(capture(rounded, example)), example).outputs[0]

    assert (found - truth).abs().max() <= 1.5 * (eager - truth).abs().max() + 1e-3


@pytest.mark.parametrize(("family", "norms"), [("llama", 2 * 2 + 1), ("mistral", 2 * 2 + 1), ("qwen3", 2 * 4 + 1)])
def test_what_has_a_name_is_found(family: str, norms: int) -> None:
    counts: Counter[str] = Counter(
        value.op for value in optimized(capture(DecodeStep(family), decoder_example())).graph.values
    )

    assert counts["rms_norm"] == norms
    assert counts["cached_attention"] == counts["gated"] == 2
    assert counts["rope"] == 4
    # Of each layer the queries, keys and values together, what follows attention, gate and up together, and down; and the head.
    assert counts["linear"] == 2 * 4 + 1
    assert counts["write"] == 4
    assert not counts["attention"] and not counts["opaque"]


def test_an_encoder_is_left_without_operators_of_aten() -> None:
    assert not any(value.op == "opaque" for value in optimized(capture(Encoder(), encoder_example())).graph.values)


class Placed(nn.Module):
    def __init__(self, index: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.index = index

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.index(x)


@pytest.mark.parametrize(
    ("index", "known"),
    [
        (lambda x: x[torch.arange(3)[:, None, None], torch.arange(4)], True),
        (lambda x: x[torch.arange(3), torch.arange(4)[:, None]], False),
        (lambda x: x[torch.arange(2)[:, None], torch.arange(4)], False),
        (lambda x: x[torch.arange(1, 3)[:, None], torch.arange(4)], False),
        (lambda x: x[torch.arange(3)], False),
        (lambda x: x[:, torch.arange(4)], False),
    ],
)
def test_every_element_at_its_own_place_is_a_reshape(
    index: Callable[[torch.Tensor], torch.Tensor], known: bool
) -> None:
    example = (torch.randn(3, 4),)

    program = optimized(capture(Placed(index), example))

    assert torch.equal(_computed(program, example).outputs[0], index(*example))
    assert any(value.op == "opaque" for value in program.graph.values) is not known


def test_a_network_of_sixteen_layers_passes_in_two_seconds(benchmark_clock: Callable[[], float]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = capture(DecodeStep("llama", layers=16), decoder_example())
    began = benchmark_clock()

    optimized(program)

    assert benchmark_clock() - began < 2
