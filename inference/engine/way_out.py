"""The shortest way from anywhere in a grammar to a place where the answer may end. Imports no torch.

The grammar library tells what may come next, not how far the end is, so a way is guessed and then checked. Most often
the way that was known before still holds, or holds behind a short joint. Otherwise it is searched byte by byte, the
likeliest openings first.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from math import inf
from time import perf_counter

import numpy
from llguidance import LLMatcher

from inference.engine.vocabulary import Vocabulary

_FIRST = b'"}]0:,[{<'
"""Bytes that close something or open the shortest value, in the order in which they are tried."""
_RANK = {byte: rank for rank, byte in enumerate(_FIRST)}
_WHITE = frozenset(b" \t\r\n")
_BRANCHES = 8
_DEPTH = 0.125
"""What a byte costs where a turn from the first choice costs 1: a straight way is followed before others are turned into."""
_SPLICES = 12
"""Places in the old way where a new one may join it."""
JOINTS = (
    *[b"\x80" * count for count in (1, 2, 3)],
    *[b"\xa0\x80", b"\x90\x80\x80"],
    *[b'"', b"]", b"}", b"0", b'""', b"[]", b"{}", b'":0', b"000", b"0000"],
)
"""What often stands between a place and the old way: the rest of a character, of an escape, of what was just opened."""


def joint(
    vocabulary: Vocabulary, state: LLMatcher, token: int, old: bytes, pieces: Iterable[bytes] = JOINTS
) -> bytes | None:
    """A way behind `token` that differs from `old` in its beginning only; found in microseconds or not at all."""
    rest = vocabulary.spell(old)
    for piece in pieces:
        if vocabulary.completes(state, [token, *vocabulary.spell(piece), *rest]):
            return piece + old
    return None


def way_out(vocabulary: Vocabulary, state: LLMatcher, old: bytes, effort: int, *, until: float = inf) -> bytes | None:
    """A short text that completes the answer from `state`; None when `effort` looked-at places do not show one.

    `old` is the way that was known before; it need not fit any more. The search also ends when `perf_counter` passes `until`.
    """
    order = 0
    front: list[tuple[float, int, LLMatcher, bytes]] = [(0.0, 0, state, b"")]
    seen: set[tuple[int, bytes]] = set()
    while front and effort > 0 and perf_counter() < until:
        effort -= 1
        cost, _, place, text = heappop(front)
        way = _home(vocabulary, place, text, old)
        if way is not None:
            return way
        forced = place.compute_ff_bytes()
        if forced:
            openings = [forced]
        else:
            mask = place.compute_bitmask()
            # Places of one depth from which the same may follow are taken for the same.
            if place.is_error() or (len(text), mask) in seen:
                continue
            seen.add((len(text), mask))
            openings = _openings(vocabulary, mask)
        for turn, piece in enumerate(openings):
            after = place.deep_copy()
            if after.consume_tokens(vocabulary.spell(piece)):
                order += 1
                heappush(front, (cost + turn + _DEPTH * len(piece), order, after, text + piece))
    return None


def _home(vocabulary: Vocabulary, place: LLMatcher, text: bytes, old: bytes) -> bytes | None:
    if place.is_accepting():
        return text
    for start in range(min(len(old), _SPLICES) - 1, -1, -1):
        if vocabulary.completes(place, vocabulary.spell(old[start:])):
            return text + old[start:]
    return None


def _openings(vocabulary: Vocabulary, mask: bytes) -> list[bytes]:
    bits = numpy.frombuffer(mask, dtype=numpy.uint8)
    ids = vocabulary.single_ids
    allowed = (bits[ids >> 3] >> (ids & 7)) & 1
    values = [byte for byte, may in zip(vocabulary.single_values, allowed.tolist(), strict=True) if may]
    # White space never leads anywhere that something else does not.
    values = [byte for byte in values if byte not in _WHITE] or values
    return [bytes([byte]) for byte in sorted(values, key=lambda byte: _RANK.get(byte, 256 + byte))[:_BRANCHES]]
