"""Verhoeff's check digit, from the dihedral group of order 10 (J. Verhoeff, Error Detecting Decimal Codes, 1969)."""

from __future__ import annotations

from typing import Final

_BASE: Final = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
"""The permutation that is applied once more for each place from the right."""


def _composed(left: int, right: int) -> int:
    """The product of two symmetries of a pentagon: 0–4 are rotations, 5–9 reflections."""
    turned = (left + right if left < 5 else left - right) % 5
    return turned + 5 if (left < 5) != (right < 5) else turned


def _permutations() -> tuple[tuple[int, ...], ...]:
    rows = [tuple(range(10))]
    for _ in range(7):
        rows.append(tuple(_BASE[digit] for digit in rows[-1]))
    return tuple(rows)


_PRODUCT: Final = tuple(tuple(_composed(left, right) for right in range(10)) for left in range(10))
_PERMUTED: Final = _permutations()


def verhoeff(digits: str) -> bool:
    """Whether ASCII `digits`, check digit last, are consistent."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = _PRODUCT[check][_PERMUTED[place % 8][int(digit)]]
    return check == 0
