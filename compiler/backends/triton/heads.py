"""Queries, keys and values in what follows a matrix product: which of its columns they are, and what is done to them."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.backends.triton.plans import Argument, Launch, NotPlanned, count, numbers, require, title_of
from compiler.backends.triton.sources import Constant, from_template
from compiler.backends.triton.tiles import power_above
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
    """The same as that of keys where both are in the pages of one cache."""

    @property
    def paged(self) -> bool:
        return self.key_write is self.value_write

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
            # Who has pages knows which there are, and has as many as the memory of a device allows.
            "PLACES": 0 if self.paged else numbers(self.key_write.shape)[2],
            "TURNS": count(self.turn[0].shape) // self.width,
            "PAGED": self.paged,
        }


def launch(group: Group) -> Launch:
    """Of what follows a product that the vendor's library computed. Raises NotPlanned."""
    products = [value for value in group.inputs if value.op in ("linear", "scaled_linear")]
    require(len(products) == 1, "a write that follows no product")
    [x] = products
    parts = found(group, x)
    width = numbers(x.shape)[-1]
    rows = count(x.shape) // width
    # About a thousand pairs of numbers a program, of whole heads.
    block_m = max(1, min(power_above(rows), 2048 // parts.width))
    constants = {"ROWS": rows, **parts.constants(), "BLOCK_M": block_m, "HEAD_EPS": parts.eps}
    source = from_template("turned", title_of(group), constants)
    grid = parts.heads + 2 * parts.groups, -(-rows // block_m), 1
    return Launch(group, source, grid, (x, *parts.arguments()), constants, 4, 1)


def found(group: Group, product: Value) -> Heads:
    """Raises NotPlanned for anything but queries, keys and values of one product, two of them written to caches, or to pages."""
    outputs = [value for value in group.outputs if value.op != "write"]
    writes = [value for value in group.values if value.op == "write"]
    require(len(outputs) == 1 and len(writes) in (1, 2), "queries, keys and values are one result and two writes")
    stored = [(write.args[2], write) for write in writes] if len(writes) == 2 else _halves(writes[0])
    part = _part if len(writes) == 2 else _token_part
    parts = sorted(((part(value, product), write) for value, write in stored), key=lambda pair: pair[0].start)
    (k, key_write), (v, value_write) = parts
    q = part(outputs[0], product)
    texts, heads, tokens, width = q.shape
    groups = k.shape[1]
    require(k.shape == v.shape == (texts, groups, tokens, width), "as many keys as values, as wide as queries")
    starts = [part.start for part in (q, k, v)]
    require(starts == [0, heads * width, (heads + groups) * width], "queries, keys and values lie one after another")
    require(numbers(product.shape)[-1] == (heads + 2 * groups) * width, "the product has other columns as well")
    require(key_write.args[1] is value_write.args[1], "keys and values go to the same places")
    dim = 2 if len(writes) == 2 else 0
    require(all(write["dim"] == dim and write.args[0].op == "state" for write in writes), "a cache of another layout")
    if q.turn is None or q.turn != k.turn or v.turn is not None:
        raise NotPlanned("queries and keys are turned alike, and values are not")
    require((q.norm is None) == (k.norm is None) and v.norm is None, "queries and keys have norms, or neither")
    if q.norm is not None and k.norm is not None:
        require(q.norm["eps"] == k.norm["eps"] and q.norm.op == k.norm.op == "rms_norm", "norms of one kind")
    require(width % 2 == 0 and (width // 2) & (width // 2 - 1) == 0, f"heads of {width} are no power of two")
    return Heads(q, outputs[0], k, q.turn, key_write, value_write)


def _halves(write: Value) -> list[tuple[Value, Value]]:
    """Keys and values that lie side by side in each slot of a cache of pages."""
    joined = write.args[2]
    require(
        joined.op == "concat" and joined["dim"] == 1 and len(joined.args) == 2, "a write that is not keys and values"
    )
    return [(value, write) for value in joined.args]


def _token_part(value: Value, product: Value) -> Part:
    """Of tokens that are texts of their own: [tokens, heads, width]."""
    tokens, heads, width = numbers(value.shape)
    turn, norm = None, None
    if value.op == "rope":
        value, *pair = value.args
        turn = pair[0], pair[1]
        require(all(numbers(angle.shape) == (tokens, 1, width) for angle in turn), "an angle for each token")
    if value.op == "rms_norm":
        norm, value = value, value.args[0]
    require(value.op == "reshape", "heads are columns, taken apart")
    return Part(_column(value.args[0], product), (tokens, heads, 1, width), norm, turn)


def _column(value: Value, product: Value) -> int:
    """The first of a product's columns that `value` is."""
    start = 0
    if value.op == "slice":
        require(value["dim"] == value.rank - 1, "a slice of rows")
        start, value = value["start"], value.args[0]
    require(value is product, "what is written is of another product")
    return start


def _part(value: Value, product: Value) -> Part:
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
    return Part(_column(value.args[0], product), shape, norm, turn)
