"""Patterns of values. A rule is a pattern and what it becomes; a table of rules is a pass.

    x, weight = any_value("x"), any_value("weight")
    squares = op("mean", op("mul", x, x))
    normed = op("mul", weight, op("mul", x, op("rsqrt", op("add", squares, number("eps")))))

A name that stands twice stands for the same value. Operators of `COMMUTATIVE` match in either order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from compiler.ir.ops.elementwise import COMMUTATIVE
from compiler.ir.value import Value

Found = Mapping[str, Any]
"""By name: the values that matched, or for `number` the number itself."""
Condition = Callable[[Value], bool]


@dataclass(frozen=True, slots=True)
class Pattern:
    ops: frozenset[str] | None = None
    """None for any."""
    args: tuple[Pattern, ...] | None = None
    """None for any."""
    name: str | None = None
    holds: Condition | None = None
    alone: bool = False
    """Whether nobody but the pattern may use the value: what is fused away must not have to be computed all the same."""
    is_number: bool = False

    def named(self, name: str) -> Pattern:
        return replace(self, name=name)

    def where(self, holds: Condition) -> Pattern:
        return replace(self, holds=holds)

    def used_once(self) -> Pattern:
        return replace(self, alone=True)

    def match(self, value: Value, uses: Callable[[Value], int], found: Found | None = None) -> Iterator[dict[str, Any]]:
        """Every way in which `value` is of this pattern, given what names stand for already."""
        found = dict(found or {})
        if self.ops is not None and value.op not in self.ops:
            return
        if (self.holds is not None and not self.holds(value)) or (self.alone and uses(value) > 1):
            return
        if self.name is not None:
            content = value["number"] if self.is_number else value
            if self.name in found and found[self.name] is not content and found[self.name] != content:
                return
            found[self.name] = content
        if self.args is None:
            yield found
            return
        if len(self.args) != len(value.args):
            return
        yield from _matched(self.args, value.args, uses, found)
        if value.op in COMMUTATIVE and value.args[0] is not value.args[1]:
            yield from _matched(self.args, value.args[::-1], uses, found)


def _matched(
    patterns: tuple[Pattern, ...], values: tuple[Value, ...], uses: Callable[[Value], int], found: Found
) -> Iterator[dict[str, Any]]:
    if not patterns:
        yield dict(found)
        return
    for more in patterns[0].match(values[0], uses, found):
        yield from _matched(patterns[1:], values[1:], uses, more)


def any_value(name: str | None = None) -> Pattern:
    return Pattern(name=name)


def number(name: str | None = None, equal: float | None = None) -> Pattern:
    """A constant, by its number."""
    holds = None if equal is None else lambda value: value["number"] == equal
    return Pattern(frozenset({"constant"}), (), name, holds, is_number=name is not None)


def leaf(kind: str, name: str | None = None) -> Pattern:
    return Pattern(frozenset({kind}), (), name)


def op(names: str, *args: Pattern, name: str | None = None) -> Pattern:
    """An operator over exactly these arguments; several names are separated by spaces."""
    return Pattern(frozenset(names.split()), args, name)


def some(names: str, name: str | None = None) -> Pattern:
    """An operator over whatever it is over."""
    return Pattern(frozenset(names.split()), None, name)
