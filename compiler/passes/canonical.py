"""The one form of what can be written in several: no casts and movements that do nothing, linear layers as such."""

from __future__ import annotations

import torch

from compiler.ir.ops import constant, make
from compiler.ir.ops.opaque import Place
from compiler.ir.size import Size
from compiler.ir.value import Value
from compiler.rewrite.pattern import any_value, number, op, some
from compiler.rewrite.rules import Rules

_X, _Y, _W, _B = any_value("x"), any_value("y"), any_value("w"), any_value("b")


def _same(x: Value, it: Value) -> Value | None:
    """What does nothing is what it does it to."""
    return x if x.type == it.type else None


def _recast(x: Value, inner: Value, it: Value) -> Value | None:
    """A cast over one that lost nothing."""
    kept = torch.promote_types(x.dtype, inner.dtype) == inner.dtype and x.dtype.is_floating_point
    return make("cast", x, dtype=it.dtype) if kept and inner.dtype.is_floating_point else None


def _whole(x: Value, it: Value) -> Value | None:
    return x if (it["start"], it["end"]) == (0, x.axis(it["dim"])) else None


def _slice_of_slice(x: Value, inner: Value, it: Value) -> Value | None:
    if inner["dim"] != it["dim"]:
        return None
    start = inner["start"]
    return make("slice", x, dim=it["dim"], start=start + it["start"], end=start + it["end"])


def _slice_of_concat(whole: Value, it: Value) -> Value | None:
    """A slice that lies in one of the pieces."""
    if whole["dim"] != it["dim"] or not isinstance(it["start"], int) or not isinstance(it["end"], int):
        return None
    start: Size = 0
    for piece in whole.args:
        end = start + piece.axis(it["dim"])
        if not isinstance(start, int) or not isinstance(end, int):
            return None
        if start <= it["start"] and it["end"] <= end:
            return make("slice", piece, dim=it["dim"], start=it["start"] - start, end=it["end"] - start)
        start = end
    return None


def _joined(it: Value) -> Value | None:
    """Pieces of one value that lie one after another are one piece, and a concatenation in another is part of it."""
    pieces: list[Value] = []
    for piece in it.args:
        inner = piece.args if piece.op == "concat" and piece["dim"] == it["dim"] else (piece,)
        for each in inner:
            if pieces and (both := _neighbours(pieces[-1], each, it["dim"])):
                pieces[-1] = both
            else:
                pieces.append(each)
    if len(pieces) == 1:
        return pieces[0]
    return None if tuple(pieces) == it.args else make("concat", *pieces, dim=it["dim"])


def _neighbours(one: Value, other: Value, dim: int) -> Value | None:
    if one.op != "slice" or other.op != "slice" or one.args != other.args:
        return None
    if not one["dim"] == other["dim"] == dim or one["end"] != other["start"]:
        return None
    return make("slice", *one.args, dim=dim, start=one["start"], end=other["end"])


def _turned_twice(x: Value, inner: Value, it: Value) -> Value:
    order = tuple(inner["order"][dim] for dim in it["order"])
    return x if order == tuple(range(x.rank)) else make("permute", x, order=order)


def _expanded_twice(x: Value, it: Value) -> Value:
    return make("expand", x, shape=it["shape"])


def _linear(x: Value, turned: Value, w: Value, it: Value) -> Value | None:
    """A product with a weight that was turned for it."""
    fits = w.op == "weight" and w.rank == 2 and turned["order"] == (1, 0) and x.rank >= 2
    return make("linear", x, w) if fits else None


def _biased(x: Value, w: Value, b: Value, it: Value) -> Value | None:
    fits = b.op == "weight" and b.shape == w.shape[:1] and b.dtype == it.dtype
    return make("linear", x, w, b) if fits else None


def _always(x: Value, mask: Value, it: Value) -> Value | None:
    return x if mask["number"] is True and x.type == it.type else None


def _indexed(it: Value) -> Value | None:
    """Every element at its own place, `x[arange[:, None, None], arange]`: nothing but new dimensions, as masks are given them."""
    source, *places = it.args
    wanted = (Place(0), tuple(Place(number + 1) for number in range(source.rank))), ()
    if it["target"] != "aten.index.Tensor" or it["layout"] != wanted:
        return None
    lies = []
    for size, place in zip(source.shape, places, strict=True):
        counted = place.args[0] if place.op == "reshape" else place
        if counted.op != "arange" or counted["start"] != 0 or counted["size"] != size:
            return None
        lies += [dim - place.rank for dim, each in enumerate(place.shape) if each != 1]
    return make("reshape", source, shape=it.shape) if lies == sorted(set(lies)) else None


CANONICAL = Rules(
    [
        (op("cast", _X), _same),
        (op("cast", op("cast", _X, name="inner")), _recast),
        (op("reshape", _X), _same),
        (op("reshape", op("reshape", _X)), lambda x, it: make("reshape", x, shape=it["shape"])),
        (op("permute", op("permute", _X, name="inner")), _turned_twice),
        (op("expand", _X), _same),
        (op("expand", op("expand", _X)), _expanded_twice),
        (op("slice", _X), _whole),
        (op("slice", op("slice", _X, name="inner")), _slice_of_slice),
        (op("slice", some("concat", "whole")), _slice_of_concat),
        (some("concat"), _joined),
        (some("opaque"), _indexed),
        (op("mul", _X, number(equal=1)), _same),
        (op("div", _X, number(equal=1)), _same),
        (op("add", _X, number(equal=0)), _same),
        (op("sub", _X, number(equal=0)), _same),
        (op("pow", _X, number(equal=1)), _same),
        (op("pow", _X, number(equal=2)), lambda x, it: make("mul", x, x)),
        (op("neg", op("neg", _X)), lambda x, it: x),
        (op("not", op("not", _X)), _same),
        (op("and", _X, op("full", name="mask")), _always),
        (op("reciprocal", op("sqrt", _X)), lambda x, it: make("rsqrt", x)),
        (op("div", number(equal=1), op("sqrt", _X)), lambda x, it: make("rsqrt", x)),
        (
            op("div", _Y, op("sqrt", _X)),
            lambda y, x, it: make("mul", y, make("rsqrt", x)) if y.op != "constant" else None,
        ),
        (op("matmul", _X, op("permute", _W, name="turned")), _linear),
        (op("add", op("linear", _X, _W).used_once(), _B), _biased),
        # Numbers are computed here rather than by whoever runs the program.
        (op("neg", number("n")), lambda n, it: constant(-n)),
        (op("mul", number("n"), number("m")), lambda n, m, it: constant(n * m)),
        (op("add", number("n"), number("m")), lambda n, m, it: constant(n + m)),
    ]
)
