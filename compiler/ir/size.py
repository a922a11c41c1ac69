"""Sizes of dimensions: a number, or a polynomial of symbols that a bucket binds to numbers later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import mul
from typing import Union

Monomial = tuple[str, ...]
"""Symbols multiplied with each other, in their order; a symbol squared is there twice."""
Size = Union[int, "Polynomial"]
Shape = tuple[Size, ...]


class NotDivisible(ValueError):
    """One size is not a whole multiple of another, whatever their symbols stand for."""


@dataclass(frozen=True, slots=True)
class Polynomial:
    """A size that is not known yet: a sum of products of symbols with whole factors. Make one with `symbol`, compare with ==."""

    terms: tuple[tuple[Monomial, int], ...]
    """Each product once, in their order, none with factor 0; at least one of them with a symbol."""

    @property
    def name(self) -> str | None:
        """The symbol, if it is one and nothing else."""
        return self.terms[0][0][0] if len(self.terms) == 1 and self == symbol(self.terms[0][0][0]) else None

    def __add__(self, other: Size) -> Size:
        total = dict(self.terms)
        for monomial, factor in _terms(other):
            total[monomial] = total.get(monomial, 0) + factor
        return _made(total)

    def __mul__(self, other: Size) -> Size:
        total: dict[Monomial, int] = {}
        for one, factor in self.terms:
            for another, times in _terms(other):
                monomial = tuple(sorted(one + another))
                total[monomial] = total.get(monomial, 0) + factor * times
        return _made(total)

    def __neg__(self) -> Size:
        return self * -1

    def __sub__(self, other: Size) -> Size:
        return self + other * -1

    def __rsub__(self, other: int) -> Size:
        return -self + other

    __radd__, __rmul__ = __add__, __mul__

    def __str__(self) -> str:
        def text(monomial: Monomial, factor: int) -> str:
            return "*".join([str(factor)] * (factor != 1 or not monomial) + list(monomial))

        return "+".join(text(*term) for term in self.terms)


def symbol(name: str) -> Polynomial:
    return Polynomial((((name,), 1),))


def divided(size: Size, by: Size) -> Size:
    """`size` / `by`, by a number or by a single product. Raises NotDivisible if that leaves something, for any binding."""
    if size == 0 and by != 0:
        return 0
    if isinstance(by, Polynomial) and size == by:
        return 1
    (divisor, factor), *more = _terms(by)
    if more or factor == 0:
        raise NotDivisible(f"{size} cannot be divided by {by}")
    quotient = {}
    for monomial, times in _terms(size):
        rest = list(monomial)
        for name in divisor:
            if name not in rest:
                raise NotDivisible(f"{size} is not a multiple of {by}")
            rest.remove(name)
        if times % factor:
            raise NotDivisible(f"{size} is not a multiple of {by}")
        quotient[tuple(rest)] = times // factor
    return _made(quotient)


def product(sizes: Iterable[Size]) -> Size:
    return reduce(mul, sizes, 1)


def bound(size: Size, binding: Mapping[str, int]) -> Size:
    """`size` with the symbols in `binding` as numbers."""
    total: Size = 0
    for monomial, factor in _terms(size):
        total = total + product([factor, *(binding[name] if name in binding else symbol(name) for name in monomial)])
    return total


def symbols(shape: Iterable[Size]) -> set[str]:
    """Names of all symbols in `shape`."""
    return {name for size in shape for monomial, _ in _terms(size) for name in monomial}


def _terms(size: Size) -> Iterable[tuple[Monomial, int]]:
    return size.terms if isinstance(size, Polynomial) else [((), size)]


def _made(total: Mapping[Monomial, int]) -> Size:
    terms = tuple(sorted((monomial, factor) for monomial, factor in total.items() if factor))
    if all(not monomial for monomial, _ in terms):
        return terms[0][1] if terms else 0
    return Polynomial(terms)
