"""ISO 7064 MOD 11,10: the check digit of German tax identification numbers and of Croatian OIBs."""

from __future__ import annotations


def mod11_10(digits: str) -> bool:
    """Whether the last of the ASCII `digits` is the check digit of the others."""
    product = 10
    for digit in digits[:-1]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (int(digits[-1]) + product) % 10 == 1
