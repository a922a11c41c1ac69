"""A graph as text: one value a line, in the order in which they could be computed, named by what they are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import torch

from compiler.ir.graph import Graph
from compiler.ir.value import TensorType, Value

_HIDDEN = {"name", "type"}
_SHORT = {"opaque": "aten", "constant": "number"}


def text(graph: Graph) -> str:
    """For people: what two graphs share reads alike in both.

    %hidden = take(embed_tokens.weight, tokens, dim=0)      bfloat16[B, 384]
    """
    names = named(graph)
    lines = list(_lines(graph, names))
    width = max((len(line) for line, _ in lines), default=0)
    body = [f"    {line.ljust(min(width, 96))}  {type_}" for line, type_ in lines]
    inputs = ", ".join(f"{value['name']}: {value.type}" for value in graph.inputs)
    ends = [names[value] for value in graph.outputs]
    ends += [f"{name} <- {names[value]}" for name, value in graph.states.items()]
    return "\n".join([f"graph({inputs}):", *body, f"    return {', '.join(ends)}", ""])


def named(graph: Graph) -> dict[Value, str]:
    """A name for each value: leaves have their own, constants are themselves, results are counted by operator."""
    counts: Counter[str] = Counter()
    names: dict[Value, str] = {}
    for value in (*graph.inputs, *graph.values):
        if value in names:
            continue
        if value.op == "constant":
            names[value] = repr(value["number"])
        elif value.op in ("input", "weight", "state"):
            names[value] = str(value["name"])
        else:
            stem = _stem(value)
            counts[stem] += 1
            names[value] = f"%{stem}_{counts[stem]}"
    return names


def _stem(value: Value) -> str:
    if value.op == "opaque":
        return str(re.sub(r"\W+", "_", value["target"].split(".")[1]))
    return value.op


def _lines(graph: Graph, names: dict[Value, str]) -> Iterator[tuple[str, str]]:
    for value in graph.values:
        if value.op not in ("input", "weight", "state", "constant"):
            given = [names[arg] for arg in value.args]
            given += [f"{name}={_attribute(value[name])}" for name in sorted(value.attributes) if name not in _HIDDEN]
            yield f"{names[value]} = {_SHORT.get(value.op, value.op)}({', '.join(given)})", str(value.type)


def _attribute(content: object) -> str:
    if isinstance(content, tuple):
        return f"[{', '.join(map(_attribute, content))}]"
    if isinstance(content, torch.dtype | TensorType):
        return str(content).removeprefix("torch.")
    return str(content)
