"""Base 58: the digits of cryptocurrency addresses, with and without the four check bytes of a double SHA-256."""

from __future__ import annotations

import hashlib
from typing import Final

BITCOIN: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
RIPPLE: Final = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
BASE58: Final = "[1-9A-HJ-NP-Za-km-z]"
"""A digit, as an expression."""
LONG_RUN: Final = f"{BASE58}{{25}}"
"""What every key and address has: rare, because few words are so long."""
_CHECK_BYTES: Final = 4
_MONERO_BLOCK: Final = 11
"""Digits of eight bytes: Monero encodes block by block, the last one shorter."""
_MONERO_SIZES: Final = {0: 0, 2: 1, 3: 2, 5: 3, 6: 4, 7: 5, 9: 6, 10: 7, 11: 8}
"""Bytes of a block by its digits."""


def decode(text: str, alphabet: str = BITCOIN) -> bytes | None:
    """The bytes that `text` stands for, a leading zero digit for each leading zero byte; None for a foreign character."""
    value = 0
    for character in text:
        digit = alphabet.find(character)
        if digit < 0:
            return None
        value = value * 58 + digit
    zeros = len(text) - len(text.lstrip(alphabet[0]))
    return bytes(zeros) + value.to_bytes((value.bit_length() + 7) // 8, "big")


def decode_checked(text: str, alphabet: str = BITCOIN) -> bytes | None:
    """The bytes before the check bytes, or None where these are wrong (Base58Check: SHA-256 twice, the first four)."""
    decoded = decode(text, alphabet)
    if decoded is None or len(decoded) <= _CHECK_BYTES:
        return None
    body, check = decoded[:-_CHECK_BYTES], decoded[-_CHECK_BYTES:]
    return body if hashlib.sha256(hashlib.sha256(body).digest()).digest().startswith(check) else None


def decode_monero(text: str) -> bytes | None:
    """The bytes of a Monero address, network byte first and the four check bytes last; None where it is malformed."""
    pieces = []
    for start in range(0, len(text), _MONERO_BLOCK):
        digits = text[start : start + _MONERO_BLOCK]
        size = _MONERO_SIZES.get(len(digits))
        block = decode(digits)
        if size is None or block is None or int.from_bytes(block, "big") >> 8 * size:
            return None
        pieces.append(int.from_bytes(block, "big").to_bytes(size, "big"))
    return b"".join(pieces)
