"""The reference: computes a graph one value after another as its operators say. Every pass is held against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from compiler.ir.graph import Graph
from compiler.ir.ops import OPS
from compiler.ir.size import Polynomial, Shape, bound
from compiler.ir.value import TensorType, Value


class Unfit(ValueError):
    """What the graph is given is not what it was made for."""


@dataclass(frozen=True, slots=True)
class Computed:
    outputs: tuple[torch.Tensor, ...]
    states: Mapping[str, torch.Tensor]
    """The caches as they are afterwards; those that were given are as they were."""


@torch.inference_mode()
def interpret(
    graph: Graph,
    inputs: Sequence[torch.Tensor],
    *,
    weights: Mapping[str, torch.Tensor],
    states: Mapping[str, torch.Tensor] | None = None,
) -> Computed:
    """Raises Unfit."""
    binding = bind(graph, inputs, states or {})
    given = dict(zip(graph.inputs, inputs, strict=True))
    last_use = {arg: number for number, value in enumerate(graph.values) for arg in value.args}
    kept = set(graph.results)
    found: dict[Value, Any] = {}
    for number, value in enumerate(graph.values):
        found[value] = _compute(value, found, given, {"weight": weights, "state": states or {}}, binding)
        # What nobody asks for again is let go: a prompt's intermediate results are larger than the weights.
        for arg in value.args:
            if last_use[arg] == number and arg not in kept:
                found.pop(arg, None)
    return Computed(
        tuple(found[value] for value in graph.outputs),
        {name: found[value] for name, value in graph.states.items()},
    )


def bind(graph: Graph, inputs: Sequence[torch.Tensor], states: Mapping[str, torch.Tensor]) -> dict[str, int]:
    """What the symbols in the types of a graph's inputs and caches stand for in a call. Raises Unfit."""
    if len(inputs) != len(graph.inputs):
        raise Unfit(f"the graph takes {len(graph.inputs)} inputs, not {len(inputs)}")
    caches = graph.caches
    if missing := caches.keys() - states.keys():
        raise Unfit(f"there is no state {', '.join(sorted(missing))}")
    given = [*zip(graph.inputs, inputs, strict=True), *((value, states[name]) for name, value in caches.items())]
    binding: dict[str, int] = {}
    for value, tensor in given:
        if value.dtype != tensor.dtype or value.rank != tensor.dim():
            raise Unfit(f"{value['name']} is {value.type}, not {tensor.dtype}{list(tensor.shape)}")
        for size, actual in zip(value.shape, tensor.shape, strict=True):
            if isinstance(size, Polynomial) and size.name is not None:
                binding.setdefault(size.name, actual)
    for value, tensor in given:
        if tuple(bound(size, binding) for size in value.shape) != tuple(tensor.shape):
            raise Unfit(f"{value['name']} is {value.type}, not {list(tensor.shape)}")
    return binding


def bound_attribute(content: Any, binding: Mapping[str, int]) -> Any:
    """An attribute with its symbols as numbers."""
    if isinstance(content, Polynomial):
        return bound(content, binding)
    if isinstance(content, TensorType):
        return TensorType(_bound_shape(content.shape, binding), content.dtype)
    return tuple(bound_attribute(part, binding) for part in content) if isinstance(content, tuple) else content


def _bound_shape(shape: Shape, binding: Mapping[str, int]) -> Shape:
    return tuple(bound(size, binding) for size in shape)


def _compute(
    value: Value,
    found: Mapping[Value, Any],
    given: Mapping[Value, torch.Tensor],
    named: Mapping[str, Mapping[str, torch.Tensor]],
    binding: Mapping[str, int],
) -> Any:
    if value.op == "input":
        return given[value]
    if value.op in named:
        tensor = named[value.op].get(value["name"])
        if tensor is None:
            raise Unfit(f"there is no {value.op} {value['name']}")
        if tuple(tensor.shape) != _bound_shape(value.shape, binding) or tensor.dtype != value.dtype:
            raise Unfit(f"{value['name']} is {value.type}, not {tensor.dtype}{list(tensor.shape)}")
        return tensor
    attributes = {name: bound_attribute(content, binding) for name, content in value.attributes.items()}
    return OPS[value.op].run(*(found[arg] for arg in value.args), **attributes)
