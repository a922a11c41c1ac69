"""Places of elements as C++ expressions: from the place in a result to the places in what it is made of."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.native.storage import strides

Index = tuple[str, ...]
"""An expression for each dimension."""


def offset(index: Index, shape: tuple[int, ...]) -> str:
    """Elements from the beginning of a tensor that lies one row after another."""
    parts = [
        place if step == 1 else f"{_inner(place)} * {step}"
        for place, step, size in zip(index, strides(shape), shape, strict=True)
        if size != 1 and place != "0"
    ]
    return " + ".join(parts) or "0"


def broadcast(index: Index, shape: tuple[int, ...]) -> Index:
    """The place in an operand of `shape` of what stands at `index` in the result."""
    kept = index[len(index) - len(shape) :]
    return tuple("0" if size == 1 else place for place, size in zip(kept, shape, strict=True))


def reshaped(index: Index, after: tuple[int, ...], before: tuple[int, ...]) -> Index:
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


def spread(linear: str, sizes: Sequence[int]) -> list[str]:
    """The places in dimensions of `sizes` of the element with this number."""
    found = []
    for dim, (size, step) in enumerate(zip(sizes, strides(tuple(sizes)), strict=True)):
        if size == 1:
            found.append("0")
            continue
        place = linear if step == 1 else f"{_inner(linear)} / {step}"
        # The outermost place that is more than one needs no remainder.
        outermost = all(each == 1 for each in sizes[:dim])
        found.append(place if outermost else f"{_inner(place)} % {size}")
    return found


def _runs(after: tuple[int, ...], before: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    runs: list[tuple[list[int], list[int]]] = []
    new = old = 0
    while new < len(after) or old < len(before):
        left, right = [], []
        product = other = 1
        while True:
            if product <= other and new < len(after):
                product *= after[new]
                left.append(new)
                new += 1
            elif old < len(before):
                other *= before[old]
                right.append(old)
                old += 1
            else:
                left += range(new, len(after))
                new = len(after)
                break
            if product == other and left and right:
                break
        runs.append((left, right))
    return runs


def _inner(expression: str) -> str:
    return expression if expression.isidentifier() or expression.isdigit() else f"({expression})"
