"""Bech32 and Bech32m (BIP 173, BIP 350): addresses with six check characters over 32 letters and digits; CashAddr with eight."""

from __future__ import annotations

from typing import Final

_ALPHABET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32: Final = 1
_BECH32M: Final = 0x2BC830A3
_CASH_GENERATOR: Final = (0x98F2BC8E61, 0x79B76D99E2, 0xF33E5FB3C4, 0xAE2EABE2A8, 0x1E4F43E470)
_SEGWIT: Final = frozenset(("bc", "tb", "bcrt", "ltc", "tltc"))


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATOR):
            if top >> place & 1:
                check ^= generator
    return check


def bech32(address: str) -> bool:
    """Whether the check characters of `address` hold, and with them the version and length of a witness program where the
    prefix is Bitcoin's or Litecoin's. Upper case is allowed, mixed case is not."""
    if address not in (address.lower(), address.upper()):
        return False
    prefix, one, data = address.lower().rpartition("1")
    values = [_ALPHABET.find(character) for character in data]
    if not one or not prefix or len(values) < 8 or min(values) < 0:
        return False
    spread = [ord(character) >> 5 for character in prefix] + [0] + [ord(character) & 31 for character in prefix]
    check = _polymod(spread + values)
    if prefix not in _SEGWIT:
        return check == _BECH32
    version = values[0]
    size, rest = divmod(5 * (len(values) - 7), 8)
    if version > 16 or rest > 4 or not 2 <= size <= 40 or (version == 0 and size not in (20, 32)):
        return False
    return check == (_BECH32M if version else _BECH32)


def cash_address(prefix: str, data: str) -> bool:
    """Whether the last eight characters of `data` are the check characters of what is before them and the `prefix` (Bitcoin Cash,
    CashAddr specification)."""
    values = [_ALPHABET.find(character) for character in data.lower()]
    if data not in (data.lower(), data.upper()) or len(values) < 9 or min(values) < 0:
        return False
    check = 1
    for value in [*(ord(character) & 31 for character in prefix.lower()), 0, *values]:
        top = check >> 35
        check = (check & 0x7FFFFFFFF) << 5 ^ value
        for place, generator in enumerate(_CASH_GENERATOR):
            if top >> place & 1:
                check ^= generator
    return check == 1
