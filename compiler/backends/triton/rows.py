"""Norms of rows, and what is one of each row, as launches."""

from __future__ import annotations

from compiler.backends.triton.linears import FLOATS
from compiler.backends.triton.plans import Launch, count, numbers, require, title_of
from compiler.backends.triton.sources import from_template
from compiler.backends.triton.tiles import LEAST, power_above
from compiler.ir.value import Value
from compiler.schedule.group import Group

_ELEMENTS = 2048
"""Of a program, at least: short rows are several to one, so that its threads have something to do."""


def norm(group: Group) -> Launch:
    """Of a sum, where that stands before it; in another type as well, where a cast is behind. Raises NotPlanned."""
    anchor = group.anchor
    x, weight, *bias = anchor.args
    at = group.values.index(anchor)
    before, after = group.values[:at], group.values[at + 1 :]
    added = other = None
    if before:
        require(before == (x,) and is_sum(x), "something before a norm")
        added = x if x in group.outputs else None
        # The sum is rounded as it is, and so is what the kernel takes first.
        x, other = sorted(x.args, key=lambda arg: arg.dtype != x.dtype)
    require(x.dtype in FLOATS, f"a norm of {x.dtype}")
    out, narrow = _results(group, anchor, after)
    depth = numbers(anchor.shape)[-1]
    rows = count(anchor.shape) // depth
    block_k = min(4096, max(LEAST, power_above(depth)))
    block_m = min(power_above(rows), max(1, _ELEMENTS // block_k))
    constants = {
        "ROWS": rows,
        "DEPTH": depth,
        "BLOCK_M": block_m,
        "BLOCK_K": block_k,
        "CENTERED": anchor.op == "layer_norm",
        "EPS": float(anchor["eps"]),
    }
    source = from_template("norm", title_of(group), constants)
    arguments = x, other, weight, bias[0] if bias else None, added, out, narrow
    return Launch(group, source, (-(-rows // block_m), 1, 1), arguments, constants, 4, 1)


def is_sum(value: Value) -> bool:
    """Of two tensors, and of the type of one of them."""
    fits = all(arg.op != "constant" and arg.shape == value.shape and arg.dtype in FLOATS for arg in value.args)
    return value.op == "add" and fits and value.dtype in {arg.dtype for arg in value.args}


def _results(group: Group, anchor: Value, after: tuple[Value, ...]) -> tuple[Value | None, Value | None]:
    """In the norm's type, and in another."""
    wanted = [value for value in group.outputs if value is anchor or value in after]
    if len(after) == 1 and after[0].op == "cast" and after[0].args[0] is anchor:
        require(after[0].dtype in FLOATS, f"a norm cast to {after[0].dtype}")
        return anchor if anchor in wanted else None, after[0] if after[0] in wanted else None
    require(all(value.op == "reshape" for value in after) and len(wanted) == 1, "something follows a norm")
    return wanted[0], None


def reduced(group: Group) -> Launch:
    """The sum or mean of each row. Raises NotPlanned."""
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


def means(group: Group) -> Launch:
    """Of each text. Raises NotPlanned."""
    x, starts, ends = group.anchor.args
    require(group.values == (group.anchor,), "something beside a mean")
    require(x.dtype in FLOATS, f"a mean of {x.dtype}")
    texts, width = numbers(group.anchor.shape)
    block_k = min(128, max(LEAST, power_above(width)))
    constants = {"WIDTH": width, "BLOCK_R": 32, "BLOCK_K": block_k}
    source = from_template("means", title_of(group), constants)
    return Launch(group, source, (texts, -(-width // block_k), 1), (x, starts, ends, group.anchor), constants, 4, 1)
