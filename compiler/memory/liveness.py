"""Which buffers there are between groups, and from which launch to which each is needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from compiler.ir.graph import Graph
from compiler.ir.op import Family
from compiler.ir.ops import OPS
from compiler.ir.size import bound, product
from compiler.ir.value import Value
from compiler.schedule.group import Group, Kind, is_leaf


@dataclass(frozen=True, slots=True)
class Buffer:
    """What one group leaves for others. Results of the program are the caller's and are none."""

    value: Value
    bytes: int
    first: int
    """The launch that fills it."""
    last: int
    """The last one that reads it."""
    over: Value | None = None
    """A buffer that dies with the launch that fills this one, and whose place this one may take: each of its elements is read by
    whoever writes the same element here, and not afterwards."""


def buffers(graph: Graph, groups: Sequence[Group], limits: Mapping[str, int] | None = None) -> list[Buffer]:
    """In the order in which they are filled; `limits` has the largest size that each symbol stands for."""
    last: dict[Value, int] = {}
    for number, group in enumerate(groups):
        for value in group.inputs:
            last[value] = number
    results = set(graph.results)
    found = []
    for number, group in enumerate(groups):
        for value in group.outputs:
            if value not in results and not is_effect(value):
                found.append(
                    Buffer(
                        value,
                        size_of(value, limits or {}),
                        number,
                        last[value],
                        _over(group, value, last, number, results),
                    )
                )
    return found


def size_of(value: Value, limits: Mapping[str, int]) -> int:
    """Bytes at most. Raises TypeError for a size without a limit."""
    count = bound(product(value.shape), limits)
    if not isinstance(count, int):
        raise TypeError(f"{value!r} has no size before its symbols have limits")
    return count * value.dtype.itemsize


def is_effect(value: Value) -> bool:
    """Whether it lies in a cache, and not in the arena."""
    return value.op == "write"


def _over(group: Group, output: Value, last: dict[Value, int], number: int, results: set[Value]) -> Value | None:
    """An input that is used up by elementwise operators on the way to the group's only output."""
    if len(group.outputs) != 1 or group.kind not in (Kind.LINEAR, Kind.LOOP):
        return None
    for value in group.inputs:
        dies = last[value] == number and value not in results and not is_leaf(value) and not is_effect(value)
        alike = value.shape == output.shape and value.dtype == output.dtype
        if dies and alike and _in_step(value, output, group):
            return value
    return None


def _in_step(value: Value, output: Value, group: Group) -> bool:
    """Whether every way from `value` to `output` inside the group is elementwise and keeps the shape."""
    inside = set(group.values)
    followed: set[Value] = set()
    stack = [user for user in inside if value in user.args]
    while stack:
        user = stack.pop()
        if user in followed:
            continue
        followed.add(user)
        if OPS[user.op].family is not Family.ELEMENTWISE or user.shape != output.shape:
            return False
        stack.extend(each for each in inside if user in each.args)
    return bool(followed)


def peak(needed: Iterable[Buffer]) -> int:
    """Bytes that are live at once at the worst moment: no plan takes less, unless it puts one buffer over another."""
    needed = list(needed)
    moments = {buffer.first for buffer in needed}
    return max((sum(each.bytes for each in needed if each.first <= at <= each.last) for at in moments), default=0)
