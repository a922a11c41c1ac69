from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings

from compiler.frontend.exported import capture
from compiler.ir.graph import Graph
from compiler.ir.interpret import interpret
from compiler.ir.ops import OPS, make
from compiler.ir.program import Program
from compiler.ir.value import TensorType, Value
from compiler.passes.manager import optimized
from compiler.schedule.fuse import Fusions, fuse, launches
from compiler.schedule.group import Group, is_leaf
from tests.compiler.graphs import Drawn, programs
from tests.compiler.networks import FAMILIES, DecodeStep, Encoder, decoder_example, encoder_example

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


def run_in_place(program: Program, groups: Sequence[Group], inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """The outputs, computed group by group from what groups hand to each other, with caches that are written to in place."""
    graph = program.graph
    states = {name: state.clone() for name, state in program.states.items()}
    handed: dict[Value, object] = dict(zip(graph.inputs, inputs, strict=True))
    for group in groups:
        found: dict[Value, object] = {}
        for value in (*(each for each in group.inputs if is_leaf(each)), *group.values):
            if value.op == "weight":
                found[value] = program.weights[value["name"]]
            elif value.op == "state":
                found[value] = states[value["name"]]
            elif value.op == "input":
                found[value] = handed[value]
            else:
                args = [found[arg] if arg in found else handed[arg] for arg in value.args]
                found[value] = OPS[value.op].run(*args, **value.attributes)
                if value.op == "write":
                    args[0].copy_(found[value])  # type: ignore[attr-defined]
                    found[value] = args[0]
        handed |= {value: found[value] for value in group.outputs}
    leaves = {value: program.weights[value["name"]] for value in graph.outputs if value.op == "weight"}
    return [leaves[value] if value in leaves else handed[value] for value in graph.outputs]  # type: ignore[misc]


@settings(max_examples=200, deadline=None)
@given(drawn=programs())
def test_groups_hand_each_other_all_that_they_need(drawn: Drawn) -> None:
    program = optimized(drawn.program)
    before = interpret(program.graph, drawn.inputs, weights=program.weights, states=program.states)

    groups = fuse(program.graph)

    placed = Counter(value for group in groups for value in group.values)
    assert placed == Counter(value for value in program.graph.values if not is_leaf(value))
    for mine, theirs in zip(run_in_place(program, groups, drawn.inputs), before.outputs, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_decode_layer_is_five_launches(family: str) -> None:
    few, more = (
        fuse(optimized(capture(DecodeStep(family, layers=layers), decoder_example())).graph) for layers in (1, 3)
    )

    assert (launches(more) - launches(few)) / 2 == 5


def test_an_encoder_layer_is_seven_launches() -> None:
    few, more = (fuse(optimized(capture(Encoder(layers=layers), encoder_example())).graph) for layers in (1, 3))

    assert (launches(more) - launches(few)) / 2 == 7


def test_a_backend_that_can_do_less_launches_more() -> None:
    graph = optimized(capture(DecodeStep("llama"), decoder_example())).graph

    plain = fuse(graph, Fusions(norm_before_linear=False, epilogues=frozenset(), elementwise=False))

    assert launches(plain) > 2 * launches(fuse(graph))


def test_a_cache_is_read_as_it_was_before_it_is_written_to() -> None:
    content = make("input", name="content", type=TensorType((2, 4), torch.float32))
    places = make("input", name="places", type=TensorType((2,), torch.int64))
    cache = make("state", name="cache", type=TensorType((9, 4), torch.float32))
    written = make("write", cache, places, make("neg", content), dim=0)
    before = make("softmax", make("take", cache, places, dim=0), dim=1)
    graph = Graph((content, places), (make("take", written, places, dim=0), before), {"cache": written})
    program = Program(graph, {}, {"cache": torch.ones(9, 4)})
    inputs = torch.randn(2, 4), torch.tensor([3, 5])

    found = run_in_place(program, fuse(graph), inputs)

    assert torch.equal(found[0], -inputs[0])
    assert torch.equal(found[1], torch.full((2, 4), 0.25))
