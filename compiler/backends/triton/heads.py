"""Queries, keys and values in what follows a matrix product: which of its columns they are, and what is done to them."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.backends.triton.plans import Argument, NotPlanned, count, numbers, require
from compiler.backends.triton.sources import Constant
from compiler.ir.value import Value
from compiler.schedule.group import Group


@dataclass(frozen=True, slots=True)
class Part:
    """Heads that lie side by side in the product's columns."""

    start: int
    """The first column."""
    shape: tuple[int, ...]
    """[texts, heads, tokens, width]."""
    norm: Value | None
    turn: tuple[Value, Value] | None
    """Cosines and sines."""


@dataclass(frozen=True, slots=True)
class Heads:
    q: Part
    out: Value
    """The queries."""
    k: Part
    turn: tuple[Value, Value]
    """Cosines and sines, of queries and keys alike."""
    key_write: Value
    value_write: Value

    @property
    def heads(self) -> int:
        return self.q.shape[1]

    @property
    def groups(self) -> int:
        return self.k.shape[1]

    @property
    def width(self) -> int:
        return self.q.shape[3]

    @property
    def eps(self) -> float:
        return 0.0 if self.q.norm is None else float(self.q.norm["eps"])

    def arguments(self) -> tuple[Argument, ...]:
        """Norms, cosines and sines, places, queries, caches: as the kernel takes them."""
        norms = [None if part.norm is None else part.norm.args[1] for part in (self.q, self.k)]
        places = self.key_write.args[1]
        return *norms, *self.turn, places, self.out, self.key_write, self.value_write

    def constants(self) -> dict[str, Constant]:
        return {
            "TOKENS": self.q.shape[2],
            "HEADS": self.heads,
            "GROUPS": self.groups,
            "HEAD": self.width,
            "PLACES": numbers(self.key_write.shape)[2],
            "TURNS": count(self.turn[0].shape) // self.width,
            "PAGED": False,
        }


def found(group: Group) -> Heads:
    """Raises NotPlanned for anything but queries, keys and values of one product, two of them written to caches."""
    outputs = [value for value in group.outputs if value.op != "write"]
    writes = [value for value in group.values if value.op == "write"]
    require(len(outputs) == 1 and len(writes) == 2, "queries, keys and values are one result and two writes")
    parts = sorted(((_part(write.args[2], group.anchor), write) for write in writes), key=lambda pair: pair[0].start)
    (k, key_write), (v, value_write) = parts
    q = _part(outputs[0], group.anchor)
    texts, heads, tokens, width = q.shape
    groups = k.shape[1]
    require(k.shape == v.shape == (texts, groups, tokens, width), "as many keys as values, as wide as queries")
    starts = [part.start for part in (q, k, v)]
    require(starts == [0, heads * width, (heads + groups) * width], "queries, keys and values lie one after another")
    require(numbers(group.anchor.shape)[-1] == (heads + 2 * groups) * width, "the product has other columns as well")
    require(key_write.args[1] is value_write.args[1], "keys and values go to the same places")
    require(all(write["dim"] == 2 and write.args[0].op == "state" for write in writes), "a cache of another layout")
    if q.turn is None or q.turn != k.turn or v.turn is not None:
        raise NotPlanned("queries and keys are turned alike, and values are not")
    require((q.norm is None) == (k.norm is None) and v.norm is None, "queries and keys have norms, or neither")
    if q.norm is not None and k.norm is not None:
        require(q.norm["eps"] == k.norm["eps"] and q.norm.op == k.norm.op == "rms_norm", "norms of one kind")
    require(width % 2 == 0 and (width // 2) & (width // 2 - 1) == 0, f"heads of {width} are no power of two")
    return Heads(q, outputs[0], k, q.turn, key_write, value_write)


def _part(value: Value, anchor: Value) -> Part:
    shape = numbers(value.shape)
    turn, norm, turned = None, None, False
    if value.op == "rope":
        value, *pair = value.args
        turn = pair[0], pair[1]
        texts, _, tokens, width = shape
        for angle in turn:
            rows = count(angle.shape) // width
            fits = numbers(angle.shape)[-1] == width and rows in (tokens, texts * tokens)
            require(fits and angle.rank == 4 and angle.shape[1] == 1, "an angle for each token")
    while value.op in ("permute", "rms_norm"):
        if value.op == "permute":
            require(value["order"] == (0, 2, 1, 3) and not turned, "heads in another order")
            turned = True
        else:
            require(norm is None, "two norms")
            norm = value
        value = value.args[0]
    require(turned and value.op == "reshape", "heads are columns, taken apart")
    value, start = value.args[0], 0
    if value.op == "slice":
        require(value["dim"] == value.rank - 1, "a slice of rows")
        start, value = value["start"], value.args[0]
    require(value is anchor, "what is written is of another product")
    return Part(start, shape, norm, turn)
