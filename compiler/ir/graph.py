"""A program: what it answers with, and what its caches hold afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from compiler.ir.ops import make
from compiler.ir.value import Value


@dataclass(frozen=True)
class Graph:
    """Everything else that belongs to it is found from here, by following arguments."""

    inputs: tuple[Value, ...]
    """In the order of the call; some may be used by nobody."""
    outputs: tuple[Value, ...]
    states: Mapping[str, Value]
    """The last write of each cache that is written to."""

    @property
    def results(self) -> tuple[Value, ...]:
        return (*self.outputs, *self.states.values())

    @cached_property
    def values(self) -> tuple[Value, ...]:
        """All that the results need, each after its arguments."""
        return tuple(ordered(self.results))

    @cached_property
    def users(self) -> Mapping[Value, tuple[Value, ...]]:
        """Who takes a value as an argument, once for each time."""
        found: dict[Value, list[Value]] = {value: [] for value in self.values}
        for value in self.values:
            for arg in value.args:
                found[arg].append(value)
        return {value: tuple(users) for value, users in found.items()}

    @property
    def caches(self) -> dict[str, Value]:
        """The caches as the program finds them, by name."""
        return {value["name"]: value for value in self.values if value.op == "state"}

    @property
    def weights(self) -> dict[str, Value]:
        return {value["name"]: value for value in self.values if value.op == "weight"}

    def replaced(self, by: Mapping[Value, Value]) -> Graph:
        """The same graph with some values in the place of others; what they are made of is replaced as well."""
        new: dict[Value, Value] = {}
        for value in ordered(self.results, lambda value: (by[value],) if value in by else value.args):
            new[value] = new[by[value]] if value in by else with_args(value, [new[arg] for arg in value.args])
        return self.mapped(new)

    def mapped(self, new: Mapping[Value, Value]) -> Graph:
        """The graph whose results are those that `new` has for this one's."""
        return replace(
            self,
            outputs=tuple(new[value] for value in self.outputs),
            states={name: new[value] for name, value in self.states.items()},
        )


def with_args(value: Value, args: Iterable[Value]) -> Value:
    """`value` of other arguments. Raises Illegal if they do not fit."""
    args = tuple(args)
    return value if args == value.args else make(value.op, *args, **value.attributes)


def ordered(
    results: Iterable[Value], args_of: Callable[[Value], tuple[Value, ...]] = lambda value: value.args
) -> Iterator[Value]:
    """The values that `results` are made of, arguments first, without recursion: programs are thousands of values deep."""
    seen: set[Value] = set()
    stack = [(value, False) for value in reversed(list(results))]
    while stack:
        value, ready = stack.pop()
        if ready:
            yield value
        elif value not in seen:
            seen.add(value)
            stack.append((value, True))
            stack.extend((arg, False) for arg in reversed(args_of(value)) if arg not in seen)
