"""ATen's operators that only move elements, in ours."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.ir.op import Illegal, axis_of
from compiler.ir.ops import make
from compiler.ir.size import Size, divided, product
from compiler.ir.value import Value


def reshape(value: Value, shape: Sequence[Size]) -> Value:
    if any(isinstance(size, int) and size == -1 for size in shape):
        known = product(size for size in shape if not (isinstance(size, int) and size == -1))
        rest = divided(product(value.shape), known)
        shape = [rest if isinstance(size, int) and size == -1 else size for size in shape]
    return value if tuple(shape) == value.shape else make("reshape", value, shape=tuple(shape))


def permute(value: Value, order: Sequence[int]) -> Value:
    axes = tuple(axis_of(dim, value.rank) for dim in order)
    return value if axes == tuple(range(value.rank)) else make("permute", value, order=axes)


def transpose(value: Value, one: int, other: int) -> Value:
    order = list(range(value.rank))
    order[one], order[other] = order[other], order[one]
    return permute(value, order)


def expand(value: Value, shape: Sequence[Size], **_: object) -> Value:
    kept = (*[1] * (len(shape) - value.rank), *value.shape)
    shape = [old if isinstance(new, int) and new == -1 else new for old, new in zip(kept, shape, strict=True)]
    return value if tuple(shape) == value.shape else make("expand", value, shape=tuple(shape))


def unsqueeze(value: Value, dim: int) -> Value:
    dim = axis_of(dim, value.rank + 1)
    return reshape(value, (*value.shape[:dim], 1, *value.shape[dim:]))


def squeeze(value: Value, dims: int | Sequence[int] | None = None) -> Value:
    chosen = range(value.rank) if dims is None else [dims] if isinstance(dims, int) else dims
    axes = {axis_of(dim, value.rank) for dim in chosen}
    return reshape(value, [size for dim, size in enumerate(value.shape) if dim not in axes or size != 1])


def slice_(value: Value, dim: int = 0, start: Size | None = None, end: Size | None = None, step: int = 1) -> Value:
    if step != 1:
        raise Illegal("slices with steps are left to ATen")
    dim = axis_of(dim, value.rank)
    whole = value.axis(dim)
    first, last = _clipped(0 if start is None else start, whole), _clipped(whole if end is None else end, whole)
    return value if (first, last) == (0, whole) else make("slice", value, dim=dim, start=first, end=last)


def _clipped(place: Size, whole: Size) -> Size:
    """As Python counts: from the back below 0, and never past the end."""
    if isinstance(place, int):
        if place < 0:
            place = whole + place
        elif place >= (1 << 62) or (isinstance(whole, int) and place > whole):
            place = whole
    return place


def select(value: Value, dim: int, index: int) -> Value:
    dim = axis_of(dim, value.rank)
    place = _clipped(index, value.axis(dim))
    found = make("slice", value, dim=dim, start=place, end=place + 1)
    return reshape(found, (*value.shape[:dim], *value.shape[dim + 1 :]))


def split_with_sizes(value: Value, sizes: Sequence[Size], dim: int = 0) -> tuple[Value, ...]:
    parts, start = [], 0
    for size in sizes:
        parts.append(slice_(value, dim, start, start + size))
        start = start + size  # type: ignore[assignment]  # a symbol is added to a number
    return tuple(parts)


def split(value: Value, size: int, dim: int = 0) -> tuple[Value, ...]:
    whole = value.axis(axis_of(dim, value.rank))
    if not isinstance(whole, int):
        raise Illegal("how many pieces there are depends on a size that is not known yet")
    return split_with_sizes(value, [min(size, whole - at) for at in range(0, whole, size)], dim)


def chunk(value: Value, count: int, dim: int = 0) -> tuple[Value, ...]:
    whole = value.axis(axis_of(dim, value.rank))
    return split(value, -(-whole // count), dim) if isinstance(whole, int) else split(value, 0, dim)


def unbind(value: Value, dim: int = 0) -> tuple[Value, ...]:
    whole = value.axis(axis_of(dim, value.rank))
    if not isinstance(whole, int):
        raise Illegal("how many pieces there are depends on a size that is not known yet")
    return tuple(select(value, dim, index) for index in range(whole))


def stack(values: Sequence[Value], dim: int = 0) -> Value:
    return make("concat", *(unsqueeze(value, dim) for value in values), dim=axis_of(dim, values[0].rank + 1))
