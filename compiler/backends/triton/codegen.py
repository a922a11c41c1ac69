"""From a graph to its plan: a launch for each group, or ATen where no kernel here is for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from compiler.backends.triton import attentions, linears, loops
from compiler.backends.triton.capabilities import Capabilities
from compiler.backends.triton.heads import turned
from compiler.backends.triton.linears import FLOATS
from compiler.backends.triton.plans import (
    AnyStep,
    Cuts,
    Launch,
    NotPlanned,
    Plan,
    Reference,
    count,
    numbers,
    require,
    title_of,
)
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
    groups: Sequence[Group] = fuse(graph)
    for cut in (_without_tail, _without_norm):
        parts = [part for group in groups for part in _parts(group, cut, device)]
        groups = groups_of(graph, parts)
    steps: list[AnyStep] = []
    for group in groups:
        step = step_of(group, device, upcast=upcast)
        if isinstance(step, Launch) and cuts and step.source.name in cuts:
            step = step_of(group, device, cut=cuts[step.source.name], upcast=upcast)
        steps.append(step)
    return Plan(graph, device, steps, arena_of(buffers(graph, groups)))


_Part = tuple[Kind, Value, Sequence[Value]]


def _parts(group: Group, cut: Callable[[Group], list[_Part]], device: Capabilities) -> list[_Part]:
    """The group as it is where a kernel is for all of it, or nothing is to be cut; else what `cut` makes of it."""
    if len(group.values) == 1 or isinstance(step_of(group, device), Launch):
        return [(group.kind, group.anchor, group.values)]
    return cut(group)


def _without_tail(group: Group) -> list[_Part]:
    """Where more follows something than its kernel does, the rest becomes a group of its own."""
    end = group.values.index(group.anchor) + 1
    # Several tensors are taken apart where they are made.
    if end == len(group.values) or isinstance(group.anchor.type, TupleType):
        return [(group.kind, group.anchor, group.values)]
    return [
        (group.kind, group.anchor, group.values[:end]),
        (Kind.LOOP, group.values[-1], group.values[end:]),
    ]


def _without_norm(group: Group) -> list[_Part]:
    """Where a product is not computed by a kernel here, neither is the norm on its way."""
    *before, last = group.values
    if group.kind is not Kind.LINEAR or last is not group.anchor or len(before) != 1:
        return [(group.kind, group.anchor, group.values)]
    return [(Kind.NORM, before[0], before), (group.kind, last, [last])]


def step_of(group: Group, device: Capabilities, *, cut: Tiles | Reach | None = None, upcast: bool = False) -> AnyStep:
    try:
        return launch_of(group, device, cut=cut, upcast=upcast)
    except NotPlanned as error:
        reason = str(error)
    try:
        return linears.library(group, reason)
    except NotPlanned:
        return Reference(group, reason)


def launch_of(group: Group, device: Capabilities, *, cut: Tiles | Reach | None = None, upcast: bool = False) -> Launch:
    """Raises NotPlanned."""
    if group.kind is Kind.LINEAR:
        return linears.launch(group, device, cut=cut if isinstance(cut, Tiles) else None, upcast=upcast)
    if group.kind is Kind.ATTENTION:
        return attentions.launch(group, device, cut=cut if isinstance(cut, Reach) else None, upcast=upcast)
    if group.kind is Kind.NORM:
        return _norm(group)
    if group.kind is Kind.REDUCTION:
        return _means(group) if group.anchor.op == "ragged_mean" else _reduced(group)
    if group.kind is Kind.LOOP:
        return turned(group) if any(value.op == "write" for value in group.values) else loops.launch(group)
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


def _reduced(group: Group) -> Launch:
    anchor, [x] = group.anchor, group.anchor.args[:1]
    require(group.values == (anchor,), "something beside a sum")
    require(anchor.op in ("sum", "mean"), f"there is no kernel for {anchor.op}")
    require({dim % x.rank for dim in anchor["dims"]} == {x.rank - 1}, "a sum over other dimensions than the last")
    require(x.dtype in FLOATS, f"a sum of {x.dtype}")
    depth = numbers(x.shape)[-1]
    constants = {
        "DEPTH": depth,
        "BLOCK_K": min(4096, max(LEAST, power_above(depth))),
        "MEAN": anchor.op == "mean",
    }
    source = from_template("reduced", title_of(group), constants)
    return Launch(group, source, (count(x.shape) // depth, 1, 1), (x, anchor), constants, 4, 1)


def _means(group: Group) -> Launch:
    x, starts, ends = group.anchor.args
    require(group.values == (group.anchor,), "something beside a mean")
    require(x.dtype in FLOATS, f"a mean of {x.dtype}")
    texts, width = numbers(group.anchor.shape)
    block_k = min(128, max(LEAST, power_above(width)))
    constants = {"WIDTH": width, "BLOCK_R": 32, "BLOCK_K": block_k}
    source = from_template("means", title_of(group), constants)
    return Launch(group, source, (texts, -(-width // block_k), 1), (x, starts, ends, group.anchor), constants, 4, 1)
