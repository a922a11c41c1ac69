from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.frontend.exported import capture
from compiler.ir.interpret import interpret
from compiler.ir.ops import OPS, make
from compiler.ir.program import Program
from compiler.ir.value import TensorType, Value
from compiler.memory.liveness import Buffer, buffers, is_effect
from compiler.memory.plan import ALIGNMENT, Plan, plan
from compiler.passes.manager import optimized
from compiler.schedule.fuse import fuse
from compiler.schedule.group import is_leaf
from tests.compiler.graphs import Drawn, programs
from tests.compiler.networks import DecodeStep, decoder_example


@st.composite
def _buffers(draw: st.DrawFn) -> list[Buffer]:
    spans = draw(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10), st.integers(1, 5_000)), max_size=30))
    made = []
    for number, (first, lasts, size) in enumerate(sorted(spans)):
        value = make("input", name=str(number), type=TensorType((size,), torch.uint8))
        made.append(Buffer(value, size, first, first + lasts))
    return made


@given(_buffers())
def test_no_two_buffers_lie_over_each_other_while_both_are_needed(needed: list[Buffer]) -> None:
    found = plan(needed)

    spans = [(found.offsets[each.value], each) for each in needed]
    for at, one in spans:
        assert at % ALIGNMENT == 0 and at + one.bytes <= found.bytes
        for start, other in spans:
            both = one is not other and one.first <= other.last and other.first <= one.last
            assert not (both and at < start + other.bytes and start < at + one.bytes)
    assert found.least <= found.bytes


def run_in_arena(program: Program, found: Plan, inputs: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    """The outputs, with all that groups hand to each other in one piece of memory that holds garbage in the beginning."""
    graph = program.graph
    arena = torch.randint(0, 255, (found.bytes + ALIGNMENT,), dtype=torch.uint8)
    arena = arena[-arena.data_ptr() % 8 :]
    states = {name: state.clone() for name, state in program.states.items()}
    handed: dict[Value, torch.Tensor] = dict(zip(graph.inputs, inputs, strict=True))
    for group in fuse(graph):
        local: dict[Value, object] = {}
        for value in (*(each for each in group.inputs if is_leaf(each)), *group.values):
            if value.op in ("weight", "state"):
                local[value] = (program.weights if value.op == "weight" else states)[value["name"]]
            elif value.op == "input":
                local[value] = handed[value]
            else:
                args = [local[arg] if arg in local else handed[arg] for arg in value.args]
                local[value] = OPS[value.op].run(*args, **value.attributes)
                if value.op == "write":
                    local[value] = args[0].copy_(local[value])  # type: ignore[attr-defined]
        for value in group.outputs:
            handed[value] = local[value]  # type: ignore[assignment]
            if value in found.offsets:
                tensor = handed[value].contiguous()
                at = found.offsets[value]
                place = arena[at : at + tensor.nbytes].view(tensor.dtype).view(tensor.shape)
                handed[value] = place.copy_(tensor)
    return [handed[value] if value in handed else program.weights[value["name"]] for value in graph.outputs]


@settings(max_examples=100, deadline=None)
@given(drawn=programs())
def test_programs_compute_the_same_in_their_arena(drawn: Drawn) -> None:
    program = optimized(drawn.program)
    before = interpret(program.graph, drawn.inputs, weights=program.weights, states=program.states)

    found = plan(buffers(program.graph, fuse(program.graph)))

    for mine, theirs in zip(run_in_arena(program, found, drawn.inputs), before.outputs, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0, equal_nan=True)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_arena_of_a_decoder_is_as_small_as_can_be_and_does_not_grow_with_layers() -> None:
    sizes = {}
    for layers in (2, 8):
        program = optimized(capture(DecodeStep("llama", layers=layers), decoder_example()))
        groups = fuse(program.graph)
        needed = buffers(program.graph, groups)
        found = plan(needed)
        assert not any(is_effect(each.value) for each in needed)
        assert found.fragmentation == 0
        sizes[layers] = found.bytes
    assert sizes[2] == sizes[8]


def test_what_is_added_to_takes_the_place_of_what_it_was_added_to() -> None:
    program = optimized(capture(DecodeStep("llama", layers=4), decoder_example()))

    over = [each for each in buffers(program.graph, fuse(program.graph)) if each.over is not None]

    assert len(over) >= 2 * 4 - 1  # each residual but the first, which is of no layer
