"""Cuts a graph into groups: what follows a matrix product is done on its result while that is at hand, as far as a backend can.

rms_norm, linear, slices, rope, writes    queries, keys and values, turned and stored
cached_attention                          attention
linear, add                               what comes out of it, onto the residual
rms_norm, linear, gated                   gate and up
linear, add                               down, onto the residual
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compiler.ir.graph import Graph
from compiler.ir.op import Family
from compiler.ir.ops import OPS
from compiler.ir.value import Value
from compiler.schedule.group import Group, Kind, groups_of, is_leaf


@dataclass(frozen=True, slots=True)
class Fusions:
    """What a backend's kernels can do beside what they are built around."""

    norm_before_linear: bool = True
    """Normalize the rows that a matrix product reads."""
    epilogues: frozenset[str] = frozenset({"rms_norm", "rope", "gated", "write", "concat"})
    """Compounds that can follow a matrix product in its kernel; a norm there is of heads, of which a tile holds whole ones."""
    elementwise: bool = True
    """Whether elementwise operators can follow anything."""


_ANCHORS = {
    **dict.fromkeys(("linear", "half_linear", "byte_linear", "nibble_linear", "scaled_linear"), Kind.LINEAR),
    "matmul": Kind.MATMUL,
    "attention": Kind.ATTENTION,
    "cached_attention": Kind.ATTENTION,
    "paged_attention": Kind.ATTENTION,
    "ragged_attention": Kind.ATTENTION,
    "ragged_mean": Kind.REDUCTION,
    "rms_norm": Kind.NORM,
    "layer_norm": Kind.NORM,
    "opaque": Kind.OPAQUE,
    "exponential": Kind.OPAQUE,
    "sample": Kind.OPAQUE,
}
_COMPOUND_TAILS = {"rms_norm", "rope", "gated", "write", "take", "concat"}
"""What follows only where a backend says that it can: an element of it is made of several, or goes somewhere else."""
_SPREAD = {Kind.LINEAR, Kind.MATMUL}
"""Kinds whose compound epilogues see the whole of a head or a pair at once."""


def fuse(graph: Graph, fusions: Fusions = Fusions()) -> list[Group]:
    """The groups of `graph`, in an order of execution."""
    return _Fuser(graph, fusions).groups()


class _Part:
    """A group that grows. `below` are the parts that it needs, directly or not."""

    def __init__(self, kind: Kind, anchor: Value) -> None:
        self.kind, self.anchor = kind, anchor
        self.values: list[Value] = []
        self.below: set[_Part] = set()


class _Fuser:
    def __init__(self, graph: Graph, fusions: Fusions) -> None:
        self._graph, self._fusions = graph, fusions
        self._part: dict[Value, _Part] = {}
        self._parts: list[_Part] = []

    def groups(self) -> list[Group]:
        for value in self._graph.values:
            if not is_leaf(value):
                self._place(value)
        return groups_of(self._graph, [(part.kind, part.anchor, part.values) for part in self._parts if part.values])

    def _place(self, value: Value) -> None:
        kind = self._anchors(value)
        if kind is Kind.LINEAR and (norm := self._norm_before(value)) is not None:
            # The norm's own part becomes the product's: nothing else has joined it, for nobody else reads it.
            norm.kind, norm.anchor = Kind.LINEAR, value
            self._join(norm, value)
            return
        host = None if kind is not None else self._host(value)
        if host is None:
            host = _Part(kind or (Kind.WRITE if value.op == "write" else Kind.LOOP), value)
            self._parts.append(host)
        self._join(host, value)

    def _anchors(self, value: Value) -> Kind | None:
        if value.op == "rms_norm" and "rms_norm" in self._fusions.epilogues and self._is_of_heads(value):
            return None
        if value.op in _ANCHORS:
            return _ANCHORS[value.op]
        return Kind.REDUCTION if OPS[value.op].family is Family.REDUCTION else None

    def _is_of_heads(self, norm: Value) -> bool:
        """Whether it is over a part of what a matrix product gives for a row, and so needs no other part."""
        part = self._part.get(norm.args[0])
        if part is None or part.kind is not Kind.LINEAR:
            return False
        head, row = norm.axis(-1), part.anchor.axis(-1)
        return isinstance(head, int) and isinstance(row, int) and head < row

    def _norm_before(self, linear: Value) -> _Part | None:
        norm = linear.args[0]
        if not self._fusions.norm_before_linear or norm.op not in ("rms_norm", "layer_norm"):
            return None
        part = self._part[norm]
        alone = self._graph.users[norm] == (linear,) and norm not in self._graph.results
        return part if alone and part.values == [norm] and not self._would_cycle(part, linear) else None

    def _host(self, value: Value) -> _Part | None:
        """The part that `value` can be computed at the end of: the latest of those that its arguments are in."""
        candidates = [self._part[arg] for arg in value.args if arg in self._part]
        for part in reversed(list(dict.fromkeys(sorted(candidates, key=self._parts.index)))):
            if self._follows(value, part) and not self._would_cycle(part, value):
                return part
        return None

    def _follows(self, value: Value, part: _Part) -> bool:
        family = OPS[value.op].family
        if part.kind is Kind.OPAQUE:
            return value.op == "item"
        if part.kind is Kind.LOOP and value.op in ("take", "concat"):
            return True
        if value.op in _COMPOUND_TAILS:
            return part.kind in _SPREAD and value.op in self._fusions.epilogues
        return family is Family.MOVEMENT or (family is Family.ELEMENTWISE and self._fusions.elementwise)

    def _would_cycle(self, part: _Part, value: Value) -> bool:
        """Whether one of the value's other arguments needs `part` by way of another."""
        return any(arg in self._part and part in self._part[arg].below for arg in value.args)

    def _join(self, part: _Part, value: Value) -> None:
        part.values.append(value)
        self._part[value] = part
        for arg in value.args:
            if arg in self._part and self._part[arg] is not part:
                self._deepen(part, self._part[arg])

    def _deepen(self, part: _Part, lower: _Part) -> None:
        """`part` needs `lower` from now on, and so does everything that needs `part`."""
        added = {lower, *lower.below} - part.below
        if added:
            for each in self._parts:
                if each is part or part in each.below:
                    each.below |= added


def launches(groups: Sequence[Group]) -> int:
    """How many kernels that is: a group of nothing but movements is none, it is read where it lies."""
    return sum(any(OPS[value.op].family is not Family.MOVEMENT for value in group.values) for group in groups)
