"""Keccak-256 as Ethereum and Monero use it: the padding of the submission, which is not that of SHA-3 (FIPS 202)."""

from __future__ import annotations

from typing import Final

_MASK: Final = (1 << 64) - 1
_RATE: Final = 136
"""Bytes of a block: 1600 bits of state less twice 256."""


def _constants() -> tuple[int, ...]:
    """The round constants, by the linear feedback shift register of the specification (x^8 + x^6 + x^5 + x^4 + 1)."""
    register, constants = 1, []
    for _ in range(24):
        constant = 0
        for power in range(7):
            if register & 1:
                constant |= 1 << ((1 << power) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return tuple(constants)


def _moves() -> tuple[tuple[int, int, int], ...]:
    """Rho and pi together: lane `source` goes to lane `target`, turned left by `turn` bits; lanes are x + 5y."""
    moves = [(0, 0, 0)]
    x, y = 1, 0
    for step in range(24):
        moves.append((x + 5 * y, y + 5 * ((2 * x + 3 * y) % 5), (step + 1) * (step + 2) // 2 % 64))
        x, y = y, (2 * x + 3 * y) % 5
    return tuple(moves)


_CONSTANTS: Final = _constants()
_MOVES: Final = _moves()


def _permute(lanes: list[int]) -> list[int]:
    moved = [0] * 25
    for constant in _CONSTANTS:
        column = [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
        parity = [column[x - 1] ^ (column[(x + 1) % 5] << 1 & _MASK | column[(x + 1) % 5] >> 63) for x in range(5)]
        for source, target, turn in _MOVES:
            lane = lanes[source] ^ parity[source % 5]
            moved[target] = (lane << turn & _MASK) | lane >> (64 - turn)
        lanes = [
            moved[lane] ^ (~moved[lane - lane % 5 + (lane + 1) % 5] & moved[lane - lane % 5 + (lane + 2) % 5])
            for lane in range(25)
        ]
        lanes[0] ^= constant
    return lanes


def keccak256(message: bytes) -> bytes:
    """The 32 bytes of the hash. Some 300 µs for a short message: for candidates that have passed every cheaper check."""
    return sponge(message, 0x01)


def sponge(message: bytes, padding: int) -> bytes:
    """The hash with another first byte of padding; with 0x06 it is SHA3-256."""
    padded = bytearray(message) + bytes(_RATE - len(message) % _RATE)
    padded[len(message)] ^= padding
    padded[-1] ^= 0x80
    lanes = [0] * 25
    for block in range(0, len(padded), _RATE):
        for lane in range(_RATE // 8):
            lanes[lane] ^= int.from_bytes(padded[block + 8 * lane : block + 8 * lane + 8], "little")
        lanes = _permute(lanes)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])
