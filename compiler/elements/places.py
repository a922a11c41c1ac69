"""Places of elements as expressions: from the place in a result to the places in what it is made of."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.ir.size import NotDivisible, Shape, Size, divided, product

Index = tuple[str, ...]
"""An expression for each dimension."""


def term(size: Size) -> str:
    """A size within an expression; symbols are variables there."""
    return str(size) if isinstance(size, int) else f"({size})"


def strides(shape: Sequence[Size]) -> Shape:
    """Elements from one place to the next, of a tensor that lies one row after another."""
    return tuple(product(shape[dim + 1 :]) for dim in range(len(shape)))


def offset(index: Index, shape: Sequence[Size]) -> str:
    """Elements from the beginning of a tensor that lies one row after another."""
    parts = [
        place if step == 1 else f"{_inner(place)} * {term(step)}"
        for place, step, size in zip(index, strides(shape), shape, strict=True)
        if size != 1 and place != "0"
    ]
    return " + ".join(parts) or "0"


def broadcast(index: Index, shape: Shape) -> Index:
    """The place in an operand of `shape` of what stands at `index` in the result."""
    kept = index[len(index) - len(shape) :]
    return tuple("0" if size == 1 else place for place, size in zip(kept, shape, strict=True))


def reshaped(index: Index, after: Shape, before: Shape, divide: str) -> Index:
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
            found += spread(inside, sizes, divide)
    return tuple(found)


def spread(number: str, shape: Sequence[Size], divide: str) -> Index:
    """The place of the element with this number. `divide` is the language's division of whole numbers."""
    found = []
    for dim, (size, step) in enumerate(zip(shape, strides(shape), strict=True)):
        if size == 1:
            found.append("0")
            continue
        place = number if step == 1 else f"{_inner(number)} {divide} {term(step)}"
        # The outermost place that is more than one needs no remainder.
        outermost = all(each == 1 for each in shape[:dim])
        found.append(place if outermost else f"{_inner(place)} % {term(size)}")
    return tuple(found)


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
