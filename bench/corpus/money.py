"""Account numbers, bank codes, payment cards and crypto addresses, with their check digits made here."""

from __future__ import annotations

import hashlib
from typing import Final

from stdnum import luhn

from .draw import Draw, Value

_ACCOUNTS: Final = {
    # What follows country and check digits (SWIFT's registry of IBAN formats), as `Draw.fill` takes it.
    "AT": "#" * 16, "BE": "#" * 12, "BG": "@@@@######********", "CH": "#####************",
    "CY": "########****************", "CZ": "#" * 20, "DE": "#" * 18, "DK": "#" * 14, "EE": "#" * 16, "ES": "#" * 20,
    "FI": "#" * 14, "FR": "##########***********##", "GB": "@@@@##############", "GR": "#######****************",
    "HR": "#" * 17, "HU": "#" * 24, "IE": "@@@@##############", "IS": "#" * 22, "IT": "@##########************", "LT": "#" * 16,
    "LU": "###*************", "LV": "@@@@*************", "MT": "@@@@#####******************", "NL": "@@@@##########",
    "NO": "#" * 11, "PL": "#" * 24, "PT": "#" * 21, "RO": "@@@@****************", "SE": "#" * 20, "SI": "#" * 15,
    "SK": "#" * 20, "US": "@@@@##############",
}  # fmt: skip
_BANKS: Final = {
    "AT": "GIBAATWW", "BE": "GEBABEBB", "BG": "UNCRBGSF", "CH": "UBSWCHZH80A", "CY": "BCYPCY2N", "CZ": "KOMBCZPP",
    "DE": "COBADEFFXXX", "DK": "DABADKKK", "EE": "HABAEE2X", "ES": "BSCHESMMXXX", "FI": "NDEAFIHH", "FR": "BNPAFRPPXXX",
    "GB": "BARCGB22", "GR": "ETHNGRAA", "HR": "ZABAHR2X", "HU": "OTPVHUHB", "IE": "AIBKIE2D", "IS": "NBIIISRE", "IT": "UNCRITMM",
    "LT": "HABALT22", "LU": "BCEELULL", "LV": "UNLALV2X", "MT": "VALLMTMT", "NL": "INGBNL2A", "NO": "DNBANOKKXXX", "PL": "BPKOPLPW",
    "PT": "CGDIPTPL", "RO": "BTRLRO22", "SE": "SWEDSESS", "SI": "LJBASI2X", "SK": "TATRSKBX", "US": "CHASUS33XXX",
}  # fmt: skip
_ISSUERS: Final = (
    ("4", 16, "4 4 4 4"), ("4", 16, "4 4 4 4"), ("51", 16, "4 4 4 4"), ("55", 16, "4 4 4 4"), ("2223", 16, "4 4 4 4"),
    ("37", 15, "4 6 5"), ("6011", 16, "4 4 4 4"), ("3530", 16, "4 4 4 4"), ("36", 14, "4 6 4"), ("6759", 16, "4 4 4 4"),
)  # fmt: skip
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def iban(draw: Draw) -> Value:
    country = "GB" if draw.country == "US" else draw.country
    account = draw.fill(_ACCOUNTS[country])
    number = int("".join(str(int(character, 36)) for character in f"{account}{country}00"))
    compact = f"{country}{98 - number % 97:02}{account}"
    if draw.chance(0.6):
        return Value(" ".join(compact[place : place + 4] for place in range(0, len(compact), 4)))
    return Value(compact)


def bic(draw: Draw) -> Value:
    if draw.chance(0.7):
        return Value(_BANKS[draw.country])
    return Value(draw.fill("@@@@") + draw.country + draw.fill("@#") + draw.random.choice(("", "XXX", draw.fill("###"))))


def card(draw: Draw) -> Value:
    prefix, length, groups = draw.random.choice(_ISSUERS)
    body = draw.fill(prefix + "#" * (length - len(prefix) - 1))
    compact = body + luhn.calc_check_digit(body)
    if draw.chance(0.4):
        return Value(compact)
    pieces, done = [], 0
    for size in map(int, groups.split()):
        pieces.append(compact[done : done + size])
        done += size
    return Value((" " if draw.chance(0.8) else "-").join(pieces))


def crypto(draw: Draw) -> Value:
    kind = draw.random.randrange(4)
    body = draw.random.randbytes(20)
    if kind == 0:
        return Value(_base58check(b"\x00" + body))
    if kind == 1:
        return Value(_base58check(b"\x05" + body))
    if kind == 2:
        return Value(_bech32("bc", body))
    return Value("0x" + body.hex())


def _base58check(payload: bytes) -> str:
    """Bitcoin's Base58Check: the payload and the first four bytes of its double SHA-256."""
    data = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, text = int.from_bytes(data), ""
    while number:
        number, place = divmod(number, 58)
        text = _BASE58[place] + text
    return "1" * (len(data) - len(data.lstrip(b"\x00"))) + text


def _bech32(prefix: str, program: bytes) -> str:
    """A version 0 witness address (BIP 173)."""
    bits = "".join(f"{byte:08b}" for byte in program)
    values = [0] + [int(bits[place : place + 5], 2) for place in range(0, len(bits), 5)]
    expanded = [ord(character) >> 5 for character in prefix] + [0] + [ord(character) & 31 for character in prefix]
    checksum = _polymod([*expanded, *values, 0, 0, 0, 0, 0, 0]) ^ 1
    values += [(checksum >> 5 * (5 - place)) & 31 for place in range(6)]
    return prefix + "1" + "".join(_BECH32[value] for value in values)


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            if top >> place & 1:
                check ^= generator
    return check
