from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from compiler.ir.graph import Graph
from compiler.ir.interpret import Unfit, interpret
from compiler.ir.op import Family
from compiler.ir.ops import constant, make
from compiler.ir.printer import text
from compiler.ir.size import symbol
from compiler.ir.value import TensorType, Value, intern
from compiler.ir.verify import Broken, verify

ROWS = symbol("B")
X = make("input", name="x", type=TensorType((ROWS, 4), torch.float32))
PLACES = make("input", name="places", type=TensorType((ROWS,), torch.int64))
CACHE = make("state", name="cache", type=TensorType((9, 4), torch.float32))
WRITTEN = make("write", CACHE, PLACES, X, dim=0)
GRAPH = Graph((X, PLACES), (make("take", WRITTEN, PLACES, dim=0),), {"cache": WRITTEN})


def test_a_graph_that_is_whole_is_accepted_and_computes() -> None:
    verify(GRAPH)
    x, places, cache = torch.randn(2, 4), torch.tensor([3, 1]), torch.zeros(9, 4)

    computed = interpret(GRAPH, (x, places), weights={}, states={"cache": cache})

    assert torch.equal(computed.outputs[0], x)
    assert torch.equal(computed.states["cache"][places], x)
    assert not cache.any()


def _with_output(value: Value) -> Graph:
    return replace(GRAPH, outputs=(value,))


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (_with_output(intern("add", (X, X), {}, TensorType((3, 3), torch.float32))), "not float32"),
        (_with_output(intern("nothing", (X,), {}, X.tensor)), "no operator nothing"),
        (_with_output(intern("mean", (X,), {"dims": (7,), "keep": True}, X.tensor)), "no dimension 7"),
        (
            replace(
                GRAPH, inputs=(PLACES,), outputs=(make("full", shape=(symbol("T"),), number=1.0, dtype=torch.float32),)
            ),
            "what T is",
        ),
        (_with_output(make("write", CACHE, PLACES, make("neg", X), dim=0)), "written to by"),
        (replace(GRAPH, states={"other": WRITTEN}), "not the cache other"),
        (replace(GRAPH, states={}), "nobody is told"),
        (_with_output(make("write", WRITTEN, PLACES, X, dim=0)), "after what the graph calls its last write"),
    ],
)
def test_a_graph_that_no_pass_may_make_is_refused(graph: Graph, said: str) -> None:
    with pytest.raises(Broken, match=said):
        verify(graph)


def test_a_later_stage_allows_fewer_operators() -> None:
    with pytest.raises(Broken, match="no effect write at this stage"):
        verify(GRAPH, families=set(Family) - {Family.EFFECT})


def test_what_does_not_fit_the_graph_is_refused() -> None:
    x, places, cache = torch.randn(2, 4), torch.tensor([3, 1]), {"cache": torch.zeros(9, 4)}
    for inputs, states in (
        ((x,), cache),
        ((x.double(), places), cache),
        ((x[:, :3], places), cache),
        ((torch.randn(3, 4), places), cache),
        ((x, places), {}),
        ((x, places), {"cache": torch.zeros(8, 4)}),
    ):
        with pytest.raises(Unfit):
            interpret(GRAPH, inputs, weights={}, states=states)


def test_a_graph_reads_as_a_program() -> None:
    scaled = replace(GRAPH, outputs=(make("mul", GRAPH.outputs[0], constant(0.5)),))

    assert text(scaled) == (
        "graph(x: float32[B, 4], places: int64[B]):\n"
        "    %write_1 = write(cache, places, x, dim=0)  float32[9, 4]\n"
        "    %take_1 = take(%write_1, places, dim=0)    float32[B, 4]\n"
        "    %mul_1 = mul(%take_1, 0.5)                 float32[B, 4]\n"
        "    return %mul_1, cache <- %write_1\n"
    )


def test_a_long_program_needs_no_deep_stack() -> None:
    value = X
    for _ in range(5_000):
        value = make("add", value, X)

    verify(_with_output(value))
    assert len(_with_output(value).values) == 5_000 + 4
