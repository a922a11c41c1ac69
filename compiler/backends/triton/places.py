"""Places of elements as expressions of Triton: from the place in a result to the places in what it is made of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

Index = tuple[str, ...]
"""An expression for each dimension."""


def strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Elements from one place to the next, of a tensor that lies one row after another."""
    return tuple(math.prod(shape[dim + 1 :]) for dim in range(len(shape)))


def offset(index: Index, shape: Sequence[int]) -> str:
    """Elements from the beginning."""
    parts = [
        place if step == 1 else f"{_inner(place)} * {step}"
        for place, step, size in zip(index, strides(shape), shape, strict=True)
        if size != 1 and place != "0"
    ]
    return " + ".join(parts) or "0"


def spread(number: str, shape: Sequence[int]) -> Index:
    """The place of the element with this number."""
    found = []
    for dim, (size, step) in enumerate(zip(shape, strides(shape), strict=True)):
        if size == 1:
            found.append("0")
            continue
        place = number if step == 1 else f"{_inner(number)} // {step}"
        # The outermost place that is more than one needs no remainder.
        outermost = all(each == 1 for each in shape[:dim])
        found.append(place if outermost else f"{_inner(place)} % {size}")
    return tuple(found)


def broadcast(index: Index, shape: Sequence[int]) -> Index:
    """The place in an operand of `shape` of what stands at `index` in the result."""
    kept = index[len(index) - len(shape) :]
    return tuple("0" if size == 1 else place for place, size in zip(kept, shape, strict=True))


def reshaped(index: Index, after: Sequence[int], before: Sequence[int]) -> Index:
    """The place in a tensor of shape `before` of what stands at `index` once it has shape `after`.

    Dimensions are matched in the smallest runs of equal product, so that what was not touched needs no arithmetic.
    """
    found: list[str] = []
    for new, old in _runs(after, before):
        sizes = [before[dim] for dim in old]
        if [after[dim] for dim in new] == sizes:
            found += [index[dim] for dim in new]
        else:
            inside = offset(tuple(index[dim] for dim in new), [after[dim] for dim in new])
            found += spread(inside, sizes)
    return tuple(found)


def _runs(after: Sequence[int], before: Sequence[int]) -> Iterator[tuple[list[int], list[int]]]:
    new = old = 0
    while new < len(after) or old < len(before):
        left: list[int] = []
        right: list[int] = []
        product = other = 1
        while not left or not right or product != other:
            if new < len(after) and (product <= other or old == len(before)):
                product *= after[new]
                left.append(new)
                new += 1
            elif old < len(before):
                other *= before[old]
                right.append(old)
                old += 1
            else:
                break
        yield left, right


def _inner(expression: str) -> str:
    return expression if expression.isidentifier() or expression.isdigit() else f"({expression})"
