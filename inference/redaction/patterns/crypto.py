"""Addresses of cryptocurrencies, by their own check digits: Base58Check (BTC, LTC, DOGE, DASH, ZEC, TRX, XRP, XTZ), Bech32 (BTC,
LTC, ADA, ZEC, the chains of Cosmos, AVAX, EGLD …), CashAddr (BCH), EIP-55 (ETH and its relatives), Keccak (XMR), CRC-16 (XLM, TON),
BLAKE2b (DOT, NANO), SHA-512/256 (ALGO). Solana's have none, and need a word that names them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Final

from ..base58 import BASE58, LONG_RUN, RIPPLE, decode, decode_checked, decode_monero
from ..bech32 import bech32, cash_address
from ..context import Words, named
from ..finding import VERIFIED
from ..keccak import keccak256
from .pattern import Pattern, Verified

_SCORE_NAMED: Final = 0.85
_RUN: Final = re.compile(BASE58 + "{25,112}(?![0-9A-Za-z_])")
_VERSIONS: Final = {
    # First character: the version bytes that give it. Sources: chainparams.cpp of each currency, TRON's documentation.
    "1": (b"\x00",),
    "3": (b"\x05",),
    "2": (b"\xc4",),
    "m": (b"\x6f",),
    "n": (b"\x6f",),
    "L": (b"\x30",),
    "M": (b"\x32",),
    "D": (b"\x1e",),
    "A": (b"\x16",),
    "9": (b"\x16",),
    "X": (b"\x4c",),
    "7": (b"\x10",),
    "T": (b"\x41",),
    "t": (b"\x1c\xb8", b"\x1c\xbd", b"\x06\xa1\x9f", b"\x06\xa1\xa1", b"\x06\xa1\xa4"),
    "K": (b"\x02\x5a\x79",),
}
_HASH_BYTES: Final = 20
_XPUB: Final = ("xpub", "ypub", "zpub", "tpub", "Ltub")
_XPUB_LENGTH: Final = 111
_MONERO_LENGTHS: Final = {95: 69, 106: 77}
"""Characters of a plain and of an integrated address, and the bytes they stand for."""
_MONERO_NETWORKS: Final = frozenset((18, 19, 42, 53, 54, 63, 24, 25, 36))
_SUBSTRATE_LENGTHS: Final = (47, 48)
_SUBSTRATE_KEY: Final = 32
_SOLANA: Final = Words("sol", "spl", "pubkey", "phantom wallet", stems=("solana",))
_ETHEREUM: Final = Words(
    *("eth", "wallet", "erc20", "erc721", "erc 20", "evm", "usdt", "usdc", "bnb", "bsc", "matic", "polygon", "address"),
    *("adresse", "adres", "dirección", "endereço", "indirizzo", "adresa", "contract", "metamask", "krypto", "crypto"),
    stems=("ethereum", "kryptow", "cryptom", "arbitrum", "avalanche", "stablecoin"),
)


def _base58(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    run = _RUN.match(shadow, start)
    if run is None or (start and (shadow[start - 1].isalnum() or shadow[start - 1] in "_/+=-")):
        return None
    value = run.group()
    stop = run.end()
    if len(value) <= 36:
        if value[0] == "r":
            body = decode_checked(value, RIPPLE)
            if body is not None and len(body) == 1 + _HASH_BYTES and body[0] == 0:
                return start, stop, VERIFIED
        elif value[0] in _VERSIONS:
            body = decode_checked(value)
            if body is not None and body[:-_HASH_BYTES] in _VERSIONS[value[0]]:
                return start, stop, VERIFIED
    if 32 <= len(value) <= 44:
        # A word in letters of one case is a word; a key of 32 bytes never is one.
        if value.islower() or value.isupper() or value.isdigit() or not named(shadow, start, stop, _SOLANA):
            return None
        key = decode(value)
        return (start, stop, _SCORE_NAMED) if key is not None and len(key) == 32 else None
    if len(value) in _SUBSTRATE_LENGTHS:
        return (start, stop, VERIFIED) if _substrate(value) else None
    if len(value) == _XPUB_LENGTH:
        return (start, stop, VERIFIED) if value.startswith(_XPUB) and decode_checked(value) else None
    return (start, stop, VERIFIED) if len(value) in _MONERO_LENGTHS and _monero(value) else None


def _substrate(address: str) -> bool:
    """Polkadot's and its relatives' (SS58): a network in one byte or two, a key of 32, two check bytes of BLAKE2b."""
    decoded = decode(address)
    if decoded is None or len(decoded) not in (_SUBSTRATE_KEY + 3, _SUBSTRATE_KEY + 4):
        return False
    return hashlib.blake2b(b"SS58PRE" + decoded[:-2]).digest().startswith(decoded[-2:])


def _monero(address: str) -> bool:
    decoded = decode_monero(address)
    if decoded is None or len(decoded) != _MONERO_LENGTHS[len(address)] or decoded[0] not in _MONERO_NETWORKS:
        return False
    return keccak256(decoded[:-4]).startswith(decoded[-4:])


_BECH32: Final = re.compile(r"[A-Za-z]{2,8}1[02-9ac-hj-np-zAC-HJ-NP-Z]{8,110}(?![0-9A-Za-z_])")


def _bech32(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    address = _BECH32.match(shadow, start)
    if address is None or not bech32(address.group()):
        return None
    return start, address.end(), VERIFIED


_CASH: Final = re.compile(
    r"(?:(bitcoincash|bchtest|kaspa):)?([qp][02-9ac-hj-np-z]{41}|[qp][02-9ac-hj-np-z]{60})(?![0-9A-Za-z_])"
)


def _cash(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    address = _CASH.match(shadow, start)
    if address is None or not cash_address(address.group(1) or "bitcoincash", address.group(2)):
        return None
    return start, address.end(), VERIFIED


_NANO_ALPHABET: Final = "13456789abcdefghijkmnopqrstuwxyz"
_NANO: Final = re.compile(r"(?:nano|xrb)_([13][13-9a-km-uw-z]{51})([13-9a-km-uw-z]{8})(?![0-9A-Za-z_])")


def _nano(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    """A key of 256 bits behind four zero ones, and 40 bits of BLAKE2b, back to front."""
    address = _NANO.match(shadow, start)
    if address is None:
        return None
    key, check = (
        sum(_NANO_ALPHABET.index(letter) << 5 * place for place, letter in enumerate(reversed(part)))
        for part in address.groups()
    )
    if key >> 256 or hashlib.blake2b(key.to_bytes(32, "big"), digest_size=5).digest()[::-1] != check.to_bytes(5, "big"):
        return None
    return start, address.end(), VERIFIED


_ALGORAND_CHECK: Final = 4


def _algorand(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    decoded = base64.b32decode(shadow[start:end] + "======")
    key, check = decoded[:-_ALGORAND_CHECK], decoded[-_ALGORAND_CHECK:]
    return (start, end, VERIFIED) if hashlib.new("sha512_256", key).digest().endswith(check) else None


_TON_BYTES: Final = 36


def _ton(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    """Flags, chain and 256 bits in Base64 (either alphabet), the last two bytes a CRC-16."""
    after = shadow[end : end + 1]
    if after.isalnum() or after in ("_", "-", "+", "/", "="):
        return None
    decoded = base64.b64decode(shadow[start:end].replace("-", "+").replace("_", "/"))
    check = int.from_bytes(decoded[-2:], "big")
    return (start, end, VERIFIED) if len(decoded) == _TON_BYTES and binascii.crc_hqx(decoded[:-2], 0) == check else None


def _ethereum(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    digits = shadow[start + 2 : end]
    if digits.islower() or digits.isupper() or digits.isdigit():
        if len(set(digits)) < 8 or not named(shadow, start, end, _ETHEREUM):
            return None
        return start, end, _SCORE_NAMED
    if eip55(digits):
        return start, end, VERIFIED
    return (start, end, _SCORE_NAMED) if named(shadow, start, end, _ETHEREUM) else None


def eip55(digits: str) -> bool:
    """EIP-55: a letter of the 40 hexadecimal `digits` is upper case where the digit of the lower-case hash is 8 or more."""
    lower = digits.lower()
    hashed = keccak256(lower.encode("ascii")).hex()
    return all(
        digit == (letter.upper() if check >= "8" else letter)
        for digit, letter, check in zip(digits, lower, hashed, strict=False)
    )


def _stellar(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    decoded = base64.b32decode(shadow[start:end])
    check = int.from_bytes(decoded[-2:], "little")
    return (start, end, VERIFIED) if binascii.crc_hqx(decoded[:-2], 0) == check else None


PATTERNS: Final = (
    # Not with any first character: a Solana address, which may begin with any, needs its word anyhow.
    Pattern(
        "base58",
        "CRYPTO",
        rf"\b[13LMDXA9Tt2mnr748]{BASE58}{{24}}|\b(?:[xyzt]pub|Ltub|KT1){BASE58}{{24}}",
        _base58,
        sign=LONG_RUN,
    ),
    Pattern("substrate", "CRYPTO", rf"\b[5C-J]{BASE58}{{46}}", _base58, sign=LONG_RUN),
    Pattern(
        "solana",
        "CRYPTO",
        rf"\b(?:[Ss]olana|SOL|SPL|[Pp]hantom|[Pp]ub[Kk]ey)[^\n]{{0,24}}[^0-9A-Za-z]{BASE58}{{32}}",
        lambda shadow, start, end, language: _base58(shadow, end - 32, end, language),
    ),
    Pattern(
        "bech32",
        "CRYPTO",
        r"\b(?:bc|tb|bcrt|ltc|tltc|addr|stake|zs|cosmos|osmo|juno|celestia|inj|terra|kava|akash|secret|stars|axelar|sei|dydx|thor|"
        r"cro|evmos|stride|noble|neutron|dym|avax|erd|one|iota|smr|zil|lnurl)1[02-9ac-hj-np-z]{8}",
        _bech32,
        caseless=True,
    ),
    Pattern(
        "cash",
        "CRYPTO",
        r"\b(?:bitcoincash:|bchtest:|kaspa:)[qp][02-9ac-hj-np-z]{8}|\b[qp][02-9ac-hj-np-z]{41}\b",
        _cash,
    ),
    Pattern("nano", "CRYPTO", r"\b(?:nano|xrb)_[13][13-9a-km-uw-z]{8}", _nano),
    Pattern("algorand", "CRYPTO", r"\b[A-Z2-7]{58}\b", _algorand),
    Pattern("ton", "CRYPTO", r"\b(?:[EUk]Q|0Q)[0-9A-Za-z_/+-]{46}", _ton),
    Pattern("ethereum", "CRYPTO", r"\b0x[0-9A-Fa-f]{40}\b", _ethereum),
    Pattern("stellar", "CRYPTO", r"\bG[A-Z2-7]{55}\b", _stellar),
)
