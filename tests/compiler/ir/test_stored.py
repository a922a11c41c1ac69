from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given, settings

from compiler.frontend.exported import capture
from compiler.ir.stored import Unstorable, restored, stored
from compiler.passes.manager import optimized
from tests.compiler.frontend.test_exported import BOTH, Strange, Toy
from tests.compiler.graphs import Drawn, programs
from tests.compiler.networks import DecodeStep, decoder_example


@settings(max_examples=100, deadline=None)
@given(drawn=programs())
def test_what_is_stored_comes_back_as_the_same_values(drawn: Drawn) -> None:
    graph = drawn.program.graph

    assert restored(json.loads(json.dumps(stored(graph)))) == graph


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_symbols_operators_of_aten_and_compounds_come_back() -> None:
    captured = [
        capture(Toy(), (torch.tensor([1, 2, 3]), torch.tensor([0, 1, 2])), dynamic=BOTH),
        capture(Strange(), (torch.randn(3, 8),)),
        optimized(capture(DecodeStep("llama"), decoder_example())),
    ]

    for program in captured:
        assert restored(json.loads(json.dumps(stored(program.graph)))) == program.graph


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"values": [["no_such", [], {}]], "inputs": [], "outputs": [], "states": {}},
        {"values": [["neg", [0], {}]], "inputs": [], "outputs": [], "states": {}},
        {"values": [["full", [], {"shape": {"tuple": []}, "number": 1, "dtype": {"dtype": "load"}}]], "inputs": []},
    ],
)
def test_what_is_no_graph_is_refused(content: object) -> None:
    with pytest.raises(Unstorable, match="not a graph"):
        restored(content)
