"""A step's tokens one after another, as the arrays that `PlainStep` takes, whoever computes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from inference.engine.blocks import BLOCK_TOKENS, blocks_for
from inference.engine.scheduler import Chunk

Piece = tuple[Chunk, int, int]
"""A chunk's tokens from one place to before another."""
_Ints = numpy.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Flat:
    tokens: _Ints
    positions: _Ints
    slots: _Ints
    tables: _Ints
    """As wide as the longest of them needs."""
    lengths: _Ints
    firsts: _Ints
    """By token the row of the first of the neighbours that it attends with, or -1."""
    lasts: list[int]
    """The row of each piece's last token."""


def flat(pieces: Sequence[Piece], size: int | None = None, *, apart: bool = False) -> Flat:
    """The pieces in their order, and padding up to `size` tokens behind them. With `apart` an answer's token attends alone even
    when it is computed again with others: its bits are those of the first time."""
    total = sum(end - start for _, start, end in pieces)
    size = size or total
    widest = max((blocks_for(end) for _, _, end in pieces), default=1)
    tokens, positions = numpy.zeros(size, dtype=numpy.int64), numpy.zeros(size, dtype=numpy.int64)
    slots, firsts = numpy.full(size, -1, dtype=numpy.int64), numpy.full(size, -1, dtype=numpy.int32)
    tables, lengths = numpy.zeros((size, widest), dtype=numpy.int32), numpy.zeros(size, dtype=numpy.int32)
    lasts: list[int] = []
    at = 0
    for chunk, start, end in pieces:
        past = at + end - start
        places: _Ints = numpy.arange(start, end)
        blocks = numpy.array(chunk.choice.blocks[: blocks_for(end)])
        tokens[at:past] = chunk.choice.tokens[start:end]
        positions[at:past] = places
        slots[at:past] = blocks[places // BLOCK_TOKENS] * BLOCK_TOKENS + places % BLOCK_TOKENS
        tables[at:past, : len(blocks)] = blocks
        lengths[at:past] = places + 1
        if apart:
            firsts[at : at + max(0, min(end, chunk.generation.prompt_tokens) - start)] = at
        elif end - start > 1:
            firsts[at:past] = at
        lasts.append(past - 1)
        at = past
    # Padding is a piece of nobody's prompt, which sees nothing, at once.
    firsts[at:] = at
    return Flat(tokens, positions, slots, tables, lengths, firsts, lasts)
