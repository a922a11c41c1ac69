"""Places of elements as C++ expressions: from the place in a result to the places in what it is made of."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.ir.size import NotDivisible, Shape, Size, divided
from compiler.native.storage import cpp, strides

Index = tuple[str, ...]
"""An expression for each dimension."""


def offset(index: Index, shape: Shape) -> str:
    """Elements from the beginning of a tensor that lies one row after another."""
    parts = [
        place if step == 1 else f"{_inner(place)} * {cpp(step)}"
        for place, step, size in zip(index, strides(shape), shape, strict=True)
        if size != 1 and place != "0"
    ]
    return " + ".join(parts) or "0"


def broadcast(index: Index, shape: Shape) -> Index:
    """The place in an operand of `shape` of what stands at `index` in the result."""
    kept = index[len(index) - len(shape) :]
    return tuple("0" if size == 1 else place for place, size in zip(kept, shape, strict=True))


def reshaped(index: Index, after: Shape, before: Shape) -> Index:
    """The place in a tensor of shape `before` of what stands at `index` once it has shape `after`.

    Dimensions are matched in the smallest runs of equal product, so that what was not touched needs no arithmetic.
    """
    found: list[str] = []
    for new, old in _runs(after, before):
        sizes = [before[dim] for dim in old]
        places = [index[dim] for dim in new]
        if [after[dim] for dim in new] == sizes:
            found += places
            continue
        inside = offset(tuple(places), tuple(after[dim] for dim in new))
        found += spread(inside, sizes)
    return tuple(found)


def spread(linear: str, sizes: Sequence[Size]) -> list[str]:
    """The places in dimensions of `sizes` of the element with this number."""
    found = []
    for dim, (size, step) in enumerate(zip(sizes, strides(tuple(sizes)), strict=True)):
        if size == 1:
            found.append("0")
            continue
        place = linear if step == 1 else f"{_inner(linear)} / {cpp(step)}"
        # The outermost place that is more than one needs no remainder.
        outermost = all(each == 1 for each in sizes[:dim])
        found.append(place if outermost else f"{_inner(place)} % {cpp(size)}")
    return found


def _runs(after: Shape, before: Shape) -> list[tuple[list[int], list[int]]]:
    """The dimensions of both that belong together: runs of equal product, as short as can be."""
    runs: list[tuple[list[int], list[int]]] = []
    new = old = 0
    while new < len(after) and old < len(before):
        left, right = [new], [old]
        product, other = after[new], before[old]
        new, old = new + 1, old + 1
        while product != other:
            if _is_part(product, other) and new < len(after):
                product = product * after[new]
                left.append(new)
                new += 1
            elif old < len(before):
                other = other * before[old]
                right.append(old)
                old += 1
            else:
                product = product * after[new]
                left.append(new)
                new += 1
        runs.append((left, right))
    # What is left over on one side has size 1.
    if runs:
        runs[-1][0].extend(range(new, len(after)))
        runs[-1][1].extend(range(old, len(before)))
        return runs
    return [(list(range(new, len(after))), list(range(old, len(before))))]


def _is_part(size: Size, whole: Size) -> bool:
    """Whether `whole` is a multiple of `size`, or at least larger as far as both are numbers."""
    if isinstance(size, int) and isinstance(whole, int):
        return size < whole
    try:
        divided(whole, size)
    except NotDivisible:
        return False
    return True


def _inner(expression: str) -> str:
    return expression if expression.isidentifier() or expression.isdigit() else f"({expression})"
