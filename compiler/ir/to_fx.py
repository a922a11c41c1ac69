"""A graph back as a torch.fx module: what runs wherever torch does, and what other compilers of torch take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import fx, nn

from compiler.ir.graph import Graph
from compiler.ir.ops import OPS
from compiler.ir.printer import named
from compiler.ir.size import Polynomial
from compiler.ir.value import Value


def to_fx(graph: Graph, weights: Mapping[str, torch.Tensor], states: Mapping[str, torch.Tensor]) -> fx.GraphModule:
    """A module that takes the graph's inputs and gives its outputs as a tuple; caches are its buffers, and change.

    For a graph without symbols: bind them first.
    """
    root, made = nn.Module(), fx.Graph()
    names = named(graph)
    nodes: dict[Value, Any] = {}
    for value in graph.inputs:
        nodes[value] = made.placeholder(_identifier(value["name"]), type_expr=torch.Tensor)
    for value in graph.values:
        if value.op == "constant":
            nodes[value] = value["number"]
        elif value.op in ("weight", "state"):
            name = _identifier(value["name"])
            root.register_buffer(name, (weights if value.op == "weight" else states)[value["name"]])
            nodes[value] = made.get_attr(name)
        elif value.op != "input":
            args = tuple(nodes[arg] for arg in value.args)
            node = made.call_function(_target(value), args)
            node.name = _identifier(names[value].removeprefix("%"))
            nodes[value] = node
    for name, last in graph.states.items():
        if last.op == "write":
            made.call_function(torch.Tensor.copy_, (made.get_attr(_identifier(name)), nodes[last]))
    made.output(tuple(nodes[value] for value in graph.outputs))
    return fx.GraphModule(root, made)


def _target(value: Value) -> Callable[..., Any]:
    run, attributes = OPS[value.op].run, {name: _number(content) for name, content in value.attributes.items()}

    def call(*args: Any) -> Any:
        return run(*args, **attributes)

    call.__name__ = value.op
    return call


def _number(content: Any) -> Any:
    if isinstance(content, tuple):
        return tuple(map(_number, content))
    if isinstance(content, Polynomial):
        raise ValueError(f"the graph still has a symbol: {content}")
    return content


def _identifier(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)
