"""Weights of linear layers as bytes, each row with a scale of its own: half the memory that has to be read for a token."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import torch

from compiler.ir.graph import Graph
from compiler.ir.interpret import interpret
from compiler.ir.ops import make
from compiler.ir.program import Program
from compiler.ir.value import TensorType, Value
from compiler.passes.rounding import compensated, eight_bit_floats, nearest
from compiler.passes.smooth import smoothed

SMALLEST = 1 << 12
"""Weights of fewer elements stay as they are: they cost no time."""
LINEAR = {"linear", "half_linear"}


class Unquantizable(ValueError):
    """A weight has an infinity or is not a number: no scale could say that."""


def every(linear: Value) -> bool:
    return True


def reads_no_activation(linear: Value) -> bool:
    """Not those that come down from the wide middle of a layer: a few numbers there are far larger than all others, and nothing
    could take them over."""
    return linear.args[0].op not in ("gelu", "gelu_tanh", "relu")


Chosen = Callable[[Value], bool]
Samples = Mapping[Value, torch.Tensor]
"""Rows [some, columns] of what linear layers are asked about."""


def samples(program: Program, calls: Iterable[Sequence[torch.Tensor]]) -> Samples:
    """Of what linear layers are asked about in `calls` of the program, which are of nobody's data."""
    graph = program.graph
    linears = [value for value in graph.values if value.op in LINEAR and is_large(value)]
    asked = tuple(dict.fromkeys(value.args[0] for value in linears))
    found: dict[Value, list[torch.Tensor]] = {value: [] for value in asked}
    for inputs in calls:
        computed = interpret(Graph(graph.inputs, asked, {}), inputs, weights=program.weights).outputs
        for value, tensor in zip(asked, computed, strict=True):
            found[value].append(tensor.float().flatten(0, -2))
    return {value: torch.cat(parts) for value, parts in found.items()}


def quantize(program: Program, seen: Samples | None = None, chosen: Chosen = every) -> Program:
    """Symmetric, from the weights alone: no text has to be seen for it. Activations become bytes as well, row by row, when they
    are asked about: what a processor multiplies fastest. Linear layers that are not `chosen` stay as they are.

    With samples that were `seen`, norms are spread before, and what is lost by rounding is made up for. Raises Unquantizable.
    """
    return _quantized(program, "byte_linear", {torch.float32}, seen or {}, chosen, torch.int8)


def quantize_weights(program: Program, dtype: torch.dtype = torch.int8) -> Program:
    """Weights as int8 or as float8, and activations as they are: what a GPU reads fastest. Raises Unquantizable."""
    return _quantized(program, "scaled_linear", {torch.float32, torch.float16, torch.bfloat16}, {}, every, dtype)


def _quantized(
    program: Program,
    op: str,
    asked_in: Collection[torch.dtype],
    seen: Samples,
    chosen: Chosen,
    dtype: torch.dtype,
) -> Program:
    weights = dict(program.weights)
    replaced: dict[Value, Value] = {}
    for value in program.graph.values:
        if value.op not in LINEAR or not is_large(value) or not chosen(value):
            continue
        asked, matrix, *bias = value.args
        if asked.dtype not in asked_in:
            continue
        name = str(matrix["name"])
        weight, rows = weights[name].float(), seen.get(asked)
        if not torch.isfinite(weight).all():
            raise Unquantizable(f"{name} holds what is no number; serve this checkpoint without quantization")
        if rows is not None and asked.op == "layer_norm":
            spread = smoothed(value, rows, weights)
            weights |= spread.weights
            asked, rows, weight, bias = spread.asked, spread.rows, spread.weight, [spread.bias]
        if rows is not None:
            found = compensated(weight, rows)
        else:
            found = nearest(weight) if dtype == torch.int8 else eight_bit_floats(weight)
        weights |= zip((f"{name}.bytes", f"{name}.scales"), found, strict=True)
        replaced[value] = make(
            op,
            asked,
            make("weight", name=f"{name}.bytes", type=TensorType(matrix.shape, dtype)),
            make("weight", name=f"{name}.scales", type=TensorType(matrix.shape[:1], torch.float32)),
            *bias,
        )
    return replace(program, graph=program.graph.replaced(replaced), weights=weights).pruned()


def is_large(linear: Value) -> bool:
    """Whether its weight is one, of known size, that is worth it."""
    weight = linear.args[1]
    rows, columns = weight.shape
    known = isinstance(rows, int) and isinstance(columns, int)
    return weight.op == "weight" and known and rows * columns >= SMALLEST  # type: ignore[operator]
