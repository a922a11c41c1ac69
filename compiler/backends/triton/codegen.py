"""From a graph to its plan: a launch for each group, or ATen where no kernel here is for it."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.backends.triton import attentions, linears, loops
from compiler.backends.triton.capabilities import Capabilities
from compiler.backends.triton.linears import FLOATS
from compiler.backends.triton.plans import Cuts, Launch, NotPlanned, Plan, Reference, count, numbers, require, title_of
from compiler.backends.triton.sources import from_template
from compiler.backends.triton.tiles import LEAST, Reach, Tiles, power_above
from compiler.ir.graph import Graph
from compiler.ir.value import TupleType, Value
from compiler.memory.liveness import buffers
from compiler.memory.plan import plan as arena_of
from compiler.passes.specialize import call_symbols
from compiler.schedule.fuse import fuse
from compiler.schedule.group import Group, Kind, groups_of


def planned(graph: Graph, device: Capabilities, *, cuts: Cuts | None = None, upcast: bool = False) -> Plan:
    """The plan of a graph of one bucket. Raises NotPlanned for a graph with symbols, and for nothing else.

    `upcast` multiplies halves as float32: Triton's interpreter takes the bits of a bfloat16 for a number (triton #11584).
    """
    require(not call_symbols(graph), "a plan is for one bucket: bind the symbols first (`passes.specialize`)")
    groups = _cut(graph, fuse(graph), device)
    steps: list[Launch | Reference] = []
    for group in groups:
        step = step_of(group, device, upcast=upcast)
        if isinstance(step, Launch) and cuts and step.source.name in cuts:
            step = step_of(group, device, cut=cuts[step.source.name], upcast=upcast)
        steps.append(step)
    return Plan(graph, device, steps, arena_of(buffers(graph, groups)))


def _cut(graph: Graph, groups: Sequence[Group], device: Capabilities) -> list[Group]:
    """Where more follows something than its kernel does, the rest becomes a group of its own."""
    parts: list[tuple[Kind, Value, Sequence[Value]]] = []
    for group in groups:
        end = group.values.index(group.anchor) + 1
        # Several tensors are taken apart where they are made.
        whole = end == len(group.values) or isinstance(group.anchor.type, TupleType)
        if whole or isinstance(step_of(group, device), Launch):
            parts.append((group.kind, group.anchor, group.values))
        else:
            parts.append((group.kind, group.anchor, group.values[:end]))
            parts.append((Kind.LOOP, group.values[-1], group.values[end:]))
    return groups_of(graph, parts)


def step_of(
    group: Group, device: Capabilities, *, cut: Tiles | Reach | None = None, upcast: bool = False
) -> Launch | Reference:
    try:
        return launch_of(group, device, cut=cut, upcast=upcast)
    except NotPlanned as error:
        return Reference(group, str(error))


def launch_of(group: Group, device: Capabilities, *, cut: Tiles | Reach | None = None, upcast: bool = False) -> Launch:
    """Raises NotPlanned."""
    if group.kind is Kind.LINEAR:
        return linears.launch(group, device, cut=cut if isinstance(cut, Tiles) else None, upcast=upcast)
    if group.kind is Kind.ATTENTION:
        return attentions.launch(group, device, cut=cut if isinstance(cut, Reach) else None, upcast=upcast)
    if group.kind is Kind.NORM:
        return _norm(group)
    if group.kind is Kind.LOOP:
        return loops.launch(group)
    raise NotPlanned(f"there is no kernel for {group.anchor.attributes.get('target', group.anchor.op)}")


def _norm(group: Group) -> Launch:
    anchor = group.anchor
    x, weight, *bias = anchor.args
    alone = group.values[0] is anchor and all(value.op == "reshape" for value in group.values[1:])
    require(alone and len(group.outputs) == 1, "something follows a norm")
    require(x.dtype in FLOATS, f"a norm of {x.dtype}")
    depth = numbers(anchor.shape)[-1]
    rows = count(anchor.shape) // depth
    constants = {
        "ROWS": rows,
        "DEPTH": depth,
        "BLOCK_M": 1,
        "BLOCK_K": min(4096, max(LEAST, power_above(depth))),
        "CENTERED": anchor.op == "layer_norm",
        "EPS": float(anchor["eps"]),
    }
    source = from_template("norm", title_of(group), constants)
    arguments = x, weight, bias[0] if bias else None, group.outputs[0]
    return Launch(group, source, (rows, 1, 1), arguments, constants, 4, 1)
