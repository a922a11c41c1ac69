from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings

from compiler.frontend.exported import capture
from compiler.ir.interpret import interpret
from compiler.ir.to_fx import to_fx
from compiler.passes.manager import optimized
from tests.compiler.graphs import Drawn, programs
from tests.compiler.networks import DecodeStep, decoder_example


@settings(max_examples=50, deadline=None)
@given(drawn=programs())
def test_a_module_of_torch_computes_what_the_graph_does(drawn: Drawn) -> None:
    program = drawn.program
    before = interpret(program.graph, drawn.inputs, weights=program.weights, states=program.states)
    module = to_fx(program.graph, program.weights, {name: state.clone() for name, state in program.states.items()})

    outputs = module(*drawn.inputs)

    for mine, theirs in zip(outputs, before.outputs, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0, equal_nan=True)
    for name, state in before.states.items():
        torch.testing.assert_close(module.get_buffer(name), state, rtol=0, atol=0, equal_nan=True)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_decoder_goes_on_over_its_own_cache() -> None:
    network, example = DecodeStep("llama"), decoder_example()
    program = optimized(capture(network, example))
    module = to_fx(program.graph, program.weights, {name: state.clone() for name, state in program.states.items()})

    for step in range(3):
        tokens, positions = example[0], example[1] + 3 * step
        with torch.no_grad():
            torch.testing.assert_close(module(tokens, positions)[0], network(tokens, positions), rtol=1e-4, atol=1e-5)
