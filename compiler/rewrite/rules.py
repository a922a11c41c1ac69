"""A table of rules, and the one driver that applies it until nothing changes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from compiler.ir.graph import Graph, with_args
from compiler.ir.value import Value
from compiler.rewrite.pattern import Pattern

Becomes = Callable[..., Value | None]
"""From what the pattern's names stand for, and `it`, what matched as a whole. None if it stays as it is after all."""
_MOST_SWEEPS = 100


class Restless(RuntimeError):
    """The rules undo each other, or never end: a mistake in the table."""


@dataclass(frozen=True, slots=True)
class Rule:
    pattern: Pattern
    becomes: Becomes


class Rules:
    """`+` puts tables together; earlier rules come first."""

    def __init__(self, rules: Iterable[tuple[Pattern, Becomes]]) -> None:
        self._rules = [Rule(pattern, becomes) for pattern, becomes in rules]
        self._everywhere = [rule for rule in self._rules if rule.pattern.ops is None]
        self._by_op: dict[str, list[Rule]] = defaultdict(list)
        for rule in self._rules:
            for name in rule.pattern.ops or ():
                self._by_op[name].append(rule)

    def __add__(self, other: Rules) -> Rules:
        return Rules((rule.pattern, rule.becomes) for rule in (*self._rules, *other._rules))

    def applied(self, value: Value, uses: Callable[[Value], int]) -> Value:
        """What the first rule that fits makes of `value`; itself if there is none."""
        for rule in (*self._by_op.get(value.op, ()), *self._everywhere):
            for found in rule.pattern.match(value, uses):
                made: Value | None = rule.becomes(**found, it=value)
                if made is not None and made is not value:
                    return made
        return value


def rewrite(graph: Graph, rules: Rules) -> Graph:
    """`graph` when no rule fits any more. Raises Restless.

    Each sweep goes from the leaves to the results, so a rule sees arguments that have been rewritten.
    """
    for _ in range(_MOST_SWEEPS):
        swept = _sweep(graph, rules)
        if swept.results == graph.results:
            return swept
        graph = swept
    raise Restless(f"the rules have not come to rest after {_MOST_SWEEPS} sweeps")


def _sweep(graph: Graph, rules: Rules) -> Graph:
    counts: Counter[Value] = Counter({value: len(users) for value, users in graph.users.items()})
    counts.update(graph.results)
    new: dict[Value, Value] = {}
    for value in graph.values:
        moved = with_args(value, [new[arg] for arg in value.args])
        if moved is not value:
            counts[moved] += counts[value]
        new[value] = rules.applied(moved, counts.__getitem__)
    return graph.mapped(new)
