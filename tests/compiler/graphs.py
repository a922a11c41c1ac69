"""Small graphs of every kind, drawn by Hypothesis, with tensors to compute them on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from hypothesis import strategies as st

from compiler.ir.graph import Graph
from compiler.ir.op import Illegal
from compiler.ir.ops import constant, make
from compiler.ir.program import Program
from compiler.ir.size import NotDivisible
from compiler.ir.value import TensorType, Value

WIDTH = 8
PLACES = 6


@dataclass(frozen=True)
class Drawn:
    program: Program
    inputs: tuple[torch.Tensor, ...]


def leaf(op: str, name: str, shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> Value:
    return make(op, name=name, type=TensorType(shape, dtype))


_UNARY = ("neg", "abs", "relu", "sigmoid", "silu", "gelu", "tanh", "exp", "sin", "cos")
_BINARY = ("add", "sub", "mul", "maximum", "minimum")

Step = Callable[[st.DrawFn, list[Value]], Value]


def _unary(draw: st.DrawFn, values: list[Value]) -> Value:
    return make(draw(st.sampled_from(_UNARY)), draw(st.sampled_from(values)))


def _binary(draw: st.DrawFn, values: list[Value]) -> Value:
    operand = st.sampled_from(values) | st.sampled_from([0, 1, 2, 0.5, -1.5]).map(constant)
    return make(draw(st.sampled_from(_BINARY)), draw(st.sampled_from(values)), draw(operand))


def _power(draw: st.DrawFn, values: list[Value]) -> Value:
    return make("pow", draw(st.sampled_from(values)), constant(draw(st.sampled_from([1, 2]))))


def _linear(draw: st.DrawFn, values: list[Value]) -> Value:
    number, bias = draw(st.integers(0, 3)), draw(st.booleans())
    weight = leaf("weight", f"w{number}", (WIDTH, WIDTH))
    given = [draw(st.sampled_from(values)), weight]
    if bias:
        given.append(leaf("weight", f"b{number}", (WIDTH,)))
    return make("linear", *given)


def _turned_product(draw: st.DrawFn, values: list[Value]) -> Value:
    weight = leaf("weight", f"w{draw(st.integers(0, 3))}", (WIDTH, WIDTH))
    product = make("matmul", draw(st.sampled_from(values)), make("permute", weight, order=(1, 0)))
    return make("add", product, leaf("weight", "b0", (WIDTH,))) if draw(st.booleans()) else product


def _norm(draw: st.DrawFn, values: list[Value]) -> Value:
    value = draw(st.sampled_from(values))
    mean = make("mean", make("pow", value, constant(2)), dims=(value.rank - 1,), keep=True)
    root = make("rsqrt", make("add", mean, constant(1e-5)))
    return make("mul", leaf("weight", "b1", (WIDTH,)), make("mul", value, root))


def _moved(draw: st.DrawFn, values: list[Value]) -> Value:
    value = draw(st.sampled_from(values))
    order = draw(st.permutations(range(value.rank)))
    there = make("permute", value, order=tuple(order))
    return make("permute", there, order=tuple(sorted(range(value.rank), key=order.__getitem__)))


def _cut(draw: st.DrawFn, values: list[Value]) -> Value:
    value, at = draw(st.sampled_from(values)), draw(st.integers(1, WIDTH - 1))
    dim = value.rank - 1
    parts = [make("slice", value, dim=dim, start=0, end=at), make("slice", value, dim=dim, start=at, end=WIDTH)]
    return make("concat", *(parts if draw(st.booleans()) else parts[::-1]), dim=dim)


def _rope(draw: st.DrawFn, values: list[Value]) -> Value:
    value, half, dim = draw(st.sampled_from(values)), WIDTH // 2, 1
    second = make("neg", make("slice", value, dim=dim, start=half, end=WIDTH))
    turned = make("concat", second, make("slice", value, dim=dim, start=0, end=half), dim=dim)
    cosine, sine = leaf("weight", "b0", (WIDTH,)), leaf("weight", "b2", (WIDTH,))
    return make("add", make("mul", value, cosine), make("mul", turned, sine))


def _gated(draw: st.DrawFn, values: list[Value]) -> Value:
    value = draw(st.sampled_from(values))
    gate, up = (make("linear", value, leaf("weight", f"w{number}", (WIDTH, WIDTH))) for number in (4, 5))
    return make("mul", make(draw(st.sampled_from(["silu", "gelu"])), gate), up)


def _softmax(draw: st.DrawFn, values: list[Value]) -> Value:
    return make("softmax", draw(st.sampled_from(values)), dim=1)


def _cast(draw: st.DrawFn, values: list[Value]) -> Value:
    value = draw(st.sampled_from(values))
    return make("cast", make("cast", value, dtype=torch.float64), dtype=torch.float64)


_STEPS: tuple[Step, ...] = (
    *(_unary, _binary, _power, _linear, _turned_product, _norm),
    *(_moved, _cut, _rope, _gated, _softmax, _cast),
)


@st.composite
def programs(draw: st.DrawFn, dtype: torch.dtype = torch.float64) -> Drawn:
    """Over [rows, WIDTH]; in float64 what differs by rounding alone agrees to many digits. Half of them with a cache."""
    rows = draw(st.integers(1, 3))
    inputs = [leaf("input", "x", (rows, WIDTH)), leaf("input", "places", (rows,), torch.int64)]
    values = [inputs[0], *(leaf("weight", f"t{number}", (rows, WIDTH)) for number in range(2))]
    for _ in range(draw(st.integers(1, 12))):
        try:
            values.append(draw(st.sampled_from(_STEPS))(draw, values))
        except (Illegal, NotDivisible):
            continue
    states = {}
    if draw(st.booleans()):
        cache = leaf("state", "cache", (PLACES, WIDTH))
        states["cache"] = make("write", cache, inputs[1], values[-1], dim=0)
        values.append(make("take", states["cache"], inputs[1], dim=0))
    outputs = (values[-1], draw(st.sampled_from(values)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    graph = _typed(Graph(tuple(inputs), outputs, states), dtype)
    places = torch.randperm(PLACES, generator=generator)[:rows]

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    weights = {name: random(*value.shape) for name, value in graph.weights.items()}  # type: ignore[arg-type]
    program = Program(graph, weights, {"cache": torch.zeros(PLACES, WIDTH, dtype=dtype)})
    return Drawn(program, (random(rows, WIDTH), places))


def _typed(graph: Graph, dtype: torch.dtype) -> Graph:
    """The graph with `dtype` in the place of float64."""
    new: dict[Value, Value] = {}
    for value in (*graph.inputs, *graph.values):
        attributes = {name: _replaced(content, dtype) for name, content in value.attributes.items()}
        new[value] = make(value.op, *(new[arg] for arg in value.args), **attributes)
    return replace(graph.mapped(new), inputs=tuple(new[value] for value in graph.inputs))


def _replaced(content: object, dtype: torch.dtype) -> object:
    if isinstance(content, TensorType):
        return TensorType(content.shape, dtype if content.dtype == torch.float64 else content.dtype)
    return dtype if content == torch.float64 else content
