"""Weighted sums, the arithmetic behind most national check digits."""

from __future__ import annotations

from collections.abc import Sequence


def weighted_sum(digits: str, weights: Sequence[int]) -> int:
    """The sum of each of the ASCII `digits` times its weight, from the left; digits beyond the weights do not count."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))
