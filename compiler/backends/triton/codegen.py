"""From a graph to its plan: a launch for each group, or ATen where no kernel here is for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from compiler.backends.triton import attentions, heads, linears, loops, rows
from compiler.backends.triton.capabilities import Capabilities
from compiler.backends.triton.plans import AnyStep, Cuts, Launch, NotPlanned, Plan, Reference, require
from compiler.backends.triton.tiles import Reach, Tiles
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
        groups = groups_of(graph, [part for group in groups for part in _parts(group, cut, device)])
    groups = groups_of(graph, _with_sums(groups))
    steps: list[AnyStep] = []
    for group in groups:
        step = step_of(group, device, upcast=upcast)
        if isinstance(step, Launch) and cuts and step.source.name in cuts:
            step = step_of(group, device, cut=cuts[step.source.name], upcast=upcast)
        steps.append(step)
    return Plan(graph, device, steps, arena_of(buffers(graph, groups)))


_Part = tuple[Kind, Value, Sequence[Value]]


def _parts(group: Group, cut: Callable[[Group], list[_Part]], device: Capabilities) -> list[_Part]:
    """What `cut` makes of a group that no kernel is for as a whole; the group as it is otherwise, and where that is nothing."""
    whole: list[_Part] = [(group.kind, group.anchor, group.values)]
    if len(group.values) == 1 or isinstance(step_of(group, device), Launch):
        return whole
    return cut(group) or whole


def _without_tail(group: Group) -> list[_Part]:
    """Where more follows something than its kernel does, the rest becomes a group of its own."""
    end = group.values.index(group.anchor) + 1
    # Several tensors are taken apart where they are made.
    if end == len(group.values) or isinstance(group.anchor.type, TupleType):
        return []
    return [(group.kind, group.anchor, group.values[:end]), (Kind.LOOP, group.values[-1], group.values[end:])]


def _without_norm(group: Group) -> list[_Part]:
    """Where a product is not computed by a kernel here, neither is the norm on its way."""
    *before, last = group.values
    if group.kind is not Kind.LINEAR or last is not group.anchor or len(before) != 1:
        return []
    return [(Kind.NORM, before[0], before), (group.kind, last, [last])]


def _with_sums(groups: Sequence[Group]) -> Iterator[_Part]:
    """A sum that nothing else is computed with goes to the norm of it."""
    sums = {group.values[0]: group for group in groups if len(group.values) == 1 and rows.is_sum(group.values[0])}
    taken: dict[Group, Group] = {}
    for group in groups:
        if group.kind is Kind.NORM and (found := sums.pop(group.anchor.args[0], None)):
            taken[group] = found
    for group in groups:
        if group not in taken.values():
            before = taken[group].values if group in taken else ()
            yield group.kind, group.anchor, (*before, *group.values)


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
        return rows.norm(group)
    if group.kind is Kind.REDUCTION:
        return rows.means(group) if group.anchor.op == "ragged_mean" else rows.reduced(group)
    if group.kind is Kind.LOOP:
        return heads.launch(group) if any(value.op == "write" for value in group.values) else loops.launch(group)
    raise NotPlanned(f"there is no kernel for {group.anchor.attributes.get('target', group.anchor.op)}")
