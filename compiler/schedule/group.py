"""Groups of values. What a group computes is what its values are: there is no other description of a kernel to keep in step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from compiler.ir.graph import Graph
from compiler.ir.op import Family
from compiler.ir.ops import OPS
from compiler.ir.value import Value


class Kind(StrEnum):
    """By what a group is built around."""

    LINEAR = "linear"
    MATMUL = "matmul"
    ATTENTION = "attention"
    NORM = "norm"
    REDUCTION = "reduction"
    LOOP = "loop"
    """Elementwise and movement alone."""
    WRITE = "write"
    OPAQUE = "opaque"
    """One operator of ATen, or one that draws numbers."""


class Cyclic(ValueError):
    """Two groups that each need something of the other: a mistake in how they were made."""


@dataclass(frozen=True, eq=False)
class Group:
    kind: Kind
    anchor: Value
    """What it is built around; a loop's last value."""
    values: tuple[Value, ...]
    """In order, arguments first."""
    inputs: tuple[Value, ...]
    """Values of other groups, and leaves, that it reads."""
    outputs: tuple[Value, ...]
    """Those of its values that others read, or that are results."""


def is_leaf(value: Value) -> bool:
    return OPS[value.op].family is Family.LEAF


def groups_of(graph: Graph, parts: Iterable[tuple[Kind, Value, Sequence[Value]]]) -> list[Group]:
    """`parts` (kind, anchor, values), which hold every value but the leaves once, as groups in an order of execution.

    What writes a cache comes after what reads it as it was before. Raises Cyclic.
    """
    place = {value: number for number, value in enumerate(graph.values)}
    results = set(graph.results)
    made = []
    owner: dict[Value, Group] = {}
    for kind, anchor, values in parts:
        inside = set(values)
        members = tuple(sorted(inside, key=place.__getitem__))
        inputs = dict.fromkeys(arg for value in members for arg in value.args if arg not in inside)
        outputs = [value for value in members if value in results or not inside.issuperset(graph.users[value])]
        group = Group(kind, anchor, members, tuple(inputs), tuple(outputs))
        made.append(group)
        owner |= dict.fromkeys(members, group)
    return _sorted(graph, made, owner)


def _sorted(graph: Graph, groups: Sequence[Group], owner: dict[Value, Group]) -> list[Group]:
    before: dict[Group, dict[Group, None]] = {group: {} for group in groups}
    for group in groups:
        for value in group.inputs:
            if value in owner:
                before[group][owner[value]] = None
    for value in graph.values:
        if value.op == "write":
            for reader in graph.users[value.args[0]]:
                if owner[reader] is not owner[value]:
                    before[owner[value]][owner[reader]] = None
    found: dict[Group, bool] = {}
    stack = [(group, False) for group in reversed(groups)]
    ordered: list[Group] = []
    while stack:
        group, ready = stack.pop()
        if ready:
            found[group] = True
            ordered.append(group)
        elif group not in found:
            found[group] = False
            stack.append((group, True))
            for other in reversed(before[group]):
                if found.get(other) is False:
                    raise Cyclic(f"a {group.kind} group and a {other.kind} group need each other")
                stack.append((other, False))
    return ordered
