"""Check digits. Every function takes the bare characters (no separators) and answers whether they are consistent."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from operator import mul
from typing import Final

_DOUBLED: Final = {ord(str(digit)): str(sum(divmod(2 * digit, 10))) for digit in range(10)}
_LETTER_VALUES: Final = {ord(letter): str(ord(letter) - 55) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B, for ASCII digits of any length."""
    kept = digits[-1::-2]
    doubled = digits[-2::-2].translate(_DOUBLED)
    return (sum(map(int, kept)) + sum(map(int, doubled))) % 10 == 0


def mod97(code: str) -> bool:
    """ISO 7064 MOD 97-10 as ISO 13616 uses it for IBANs: `code` is upper-case ASCII, country and check digits first."""
    return int((code[4:] + code[:4]).translate(_LETTER_VALUES)) % 97 == 1


def crc32_base62(body: str, checksum: str) -> bool:
    """The six base-62 characters that end the tokens of GitHub, npm and this platform: CRC-32 of the `body`, zero-padded."""
    value = 0
    for character in checksum:
        value = value * 62 + _BASE62.index(character)
    return value == zlib.crc32(body.encode("ascii"))


def weighted_sum(digits: str, weights: Sequence[int]) -> int:
    """The sum of the `digits`, each times its weight, from the left; what has no weight does not count and need not be a digit."""
    return sum(map(mul, weights, map(int, digits)))  # the weights end first


def mod11_10(digits: str) -> bool:
    """ISO 7064 MOD 11,10, the hybrid system, over ASCII digits of any length with the check digit last."""
    product = 10
    for digit in digits[:-1]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (int(digits[-1]) + product) % 10 == 1
