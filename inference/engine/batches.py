"""Turns a step's chunks into the tensors of one forward: index arrays in numpy, brought to the device in one copy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy
import torch

from inference.engine.blocks import BLOCK_TOKENS, DETERMINISTIC_PIECE, blocks_for
from inference.engine.models.decoder import Batch, Reach
from inference.engine.scheduler import Chunk

PINNED_ROWS = 16
"""Deterministic answers are computed in forwards of this many rows, filled up with padding."""
_CPU_GATHER_BYTES = 4 << 20
"""Keys and values that a CPU gathers at once: as much as stays in its caches until attention reads it."""
_WORTH_TOKENS = 1024
"""Padding of fewer tokens than this costs less than one more call."""

Ints = numpy.ndarray[Any, numpy.dtype[numpy.int64]]


class Indices:
    """Integer arrays that go to the device together."""

    def __init__(self) -> None:
        self._parts: list[Ints] = []
        self._ends: list[int] = [0]

    def add(self, values: Sequence[int] | Ints) -> int:
        """Takes values [any shape]; returns their number for `upload`."""
        part = numpy.asarray(values, dtype=numpy.int64).ravel()
        self._parts.append(part)
        self._ends.append(self._ends[-1] + len(part))
        return len(self._parts) - 1

    def upload(self, device: torch.device) -> list[torch.Tensor]:
        """The arrays, flat, in the order they were added. Does not wait for the device."""
        whole = torch.from_numpy(numpy.concatenate(self._parts))
        if device.type == "cuda":
            whole = whole.pin_memory().to(device, non_blocking=True)
        elif device.type != "cpu":
            whole = whole.to(device)
        return [whole[start:end] for start, end in zip(self._ends, self._ends[1:], strict=False)]


class Batches:
    """Builds batches for one network and device."""

    def __init__(self, device: torch.device, *, token_bytes: int, max_tokens: int) -> None:
        """`token_bytes` is what one token holds in the cache of one layer."""
        self._device = device
        # A device with thousands of threads wants one wide call; the caches of a CPU core want several narrow ones.
        self._gather_tokens = max(1, _CPU_GATHER_BYTES // token_bytes) if device.type == "cpu" else 1 << 40
        self._max_tokens = max_tokens

    def mixed(self, chunks: Sequence[Chunk]) -> Batch:
        """Running answers and prompt pieces together; the logits' rows are the chunks that sample, in order.

        Answers stand first, longest context first, so that those of similar length attend together and one long request does
        not widen the rest.
        """
        order = sorted(range(len(chunks)), key=lambda i: (chunks[i].end - chunks[i].start > 1, -chunks[i].end))
        ordered = [chunks[i] for i in order]
        answers = sum(chunk.end - chunk.start == 1 for chunk in ordered)
        indices, places = Indices(), [0] * len(chunks)
        tokens: list[int] = []
        positions: list[Ints] = []
        slots: list[Ints] = []
        for i, chunk in zip(order, ordered, strict=True):
            tokens += chunk.choice.tokens[chunk.start : chunk.end]
            places[i] = len(tokens) - 1
        if answers:
            starts = numpy.array([chunk.start for chunk in ordered[:answers]])
            blocks = numpy.array([chunk.choice.blocks[chunk.start // BLOCK_TOKENS] for chunk in ordered[:answers]])
            positions.append(starts)
            slots.append(blocks * BLOCK_TOKENS + starts % BLOCK_TOKENS)
        for chunk in ordered[answers:]:
            positions.append(numpy.arange(chunk.start, chunk.end))
            slots.append(_slots(chunk))
        rows = [place for place, chunk in zip(places, chunks, strict=True) if chunk.samples]
        for part in (tokens, numpy.concatenate(positions), numpy.concatenate(slots), rows):
            indices.add(part)
        reaches = [*self._answers(ordered[:answers], indices), *_pieces(ordered[answers:], answers, indices)]
        found = indices.upload(self._device)
        every = rows == list(range(len(tokens)))
        return Batch(found[0], found[1], found[2], _with_tables(reaches, found), None if every else found[3])

    def pinned_answers(self, chunks: Sequence[Chunk], rows: int) -> Batch:
        """At most `rows` running answers, one logits row each and padding behind. Each attends alone, over a width of its own."""
        padding = [0] * (rows - len(chunks))
        indices = Indices()
        indices.add([chunk.choice.tokens[chunk.start] for chunk in chunks] + padding)
        indices.add([chunk.start for chunk in chunks] + padding)
        indices.add(numpy.concatenate([_slots(chunk) for chunk in chunks]))
        reaches = [_pinned_reach(chunk, number, 1, indices) for number, chunk in enumerate(chunks)]
        found = indices.upload(self._device)
        return Batch(found[0], found[1], found[2], _with_tables(reaches, found), None, pinned=True)

    def pinned_piece(self, chunk: Chunk) -> Batch:
        """A prompt piece filled up to `DETERMINISTIC_PIECE` tokens; one logits row if it samples."""
        size = chunk.end - chunk.start
        positions = numpy.arange(chunk.start, chunk.start + DETERMINISTIC_PIECE).clip(max=self._max_tokens - 1)
        indices = Indices()
        indices.add(chunk.choice.tokens[chunk.start : chunk.end] + [0] * (DETERMINISTIC_PIECE - size))
        indices.add(positions)
        indices.add(_slots(chunk))
        indices.add([size - 1] if chunk.samples else [])
        reaches = [_pinned_reach(chunk, 0, DETERMINISTIC_PIECE, indices)]
        found = indices.upload(self._device)
        return Batch(found[0], found[1], found[2], _with_tables(reaches, found), found[3], pinned=True)

    def _answers(self, answers: Sequence[Chunk], indices: Indices) -> Iterator[Reach]:
        start = 0
        while start < len(answers):
            widest = blocks_for(answers[start].end)
            end = start + 1
            most = start + max(1, self._gather_tokens // (widest * BLOCK_TOKENS))
            few = (len(answers) - start) * widest * BLOCK_TOKENS <= _WORTH_TOKENS
            while end < min(len(answers), most) and (few or 2 * blocks_for(answers[end].end) >= widest):
                end += 1
            # Sorted, so the group's ends are all the same when its first and its last are.
            even = answers[start].end == answers[end - 1].end
            table = _table((chunk.choice.blocks for chunk in answers[start:end]), end - start, widest)
            width = answers[start].end if even else widest * BLOCK_TOKENS
            yield _reach(start, end, end - start, table, indices, masked=not even, width=width)
            start = end


def fill_answers(chunks: Sequence[Chunk], tokens: Ints, positions: Ints, slots: Ints, tables: Ints) -> None:
    """Writes one running answer a row into arrays [rows, ...] of at least as many rows, leaving the rest as they are."""
    by_row = tables.reshape(len(tokens), -1)
    for row, chunk in enumerate(chunks):
        place, blocks = chunk.start, chunk.choice.blocks[: blocks_for(chunk.end)]
        tokens[row] = chunk.choice.tokens[place]
        positions[row] = place
        slots[row] = blocks[-1] * BLOCK_TOKENS + place % BLOCK_TOKENS
        by_row[row, : len(blocks)] = blocks


def _pieces(pieces: Iterable[Chunk], start: int, indices: Indices) -> Iterator[Reach]:
    for chunk in pieces:
        end, blocks = start + chunk.end - chunk.start, blocks_for(chunk.end)
        table = _table([chunk.choice.blocks], 1, blocks)
        yield _reach(start, end, 1, table, indices, masked=True, width=blocks * BLOCK_TOKENS)
        start = end


def _pinned_reach(chunk: Chunk, start: int, tokens: int, indices: Indices) -> Reach:
    """Its width is the next power of two: a function of the chunk's own place."""
    blocks = max(blocks_for(DETERMINISTIC_PIECE), 1 << (blocks_for(chunk.start + tokens) - 1).bit_length())
    table = _table([chunk.choice.blocks[: blocks_for(chunk.end)]], 1, blocks)
    return _reach(start, start + tokens, 1, table, indices, masked=True, width=blocks * BLOCK_TOKENS)


_NO_TABLE = torch.empty(0, dtype=torch.int64)


def _reach(start: int, end: int, requests: int, table: Ints, indices: Indices, *, masked: bool, width: int) -> Reach:
    indices.add(table)
    return Reach(start, end, requests, _NO_TABLE, masked, width)


def _with_tables(reaches: list[Reach], found: list[torch.Tensor]) -> list[Reach]:
    """The reaches' tables are the last arrays that were added."""
    tables = found[len(found) - len(reaches) :]
    return [
        Reach(reach.start, reach.end, reach.requests, table, reach.masked, reach.width)
        for reach, table in zip(reaches, tables, strict=True)
    ]


def _table(blocks: Iterable[Sequence[int]], count: int, width: int) -> Ints:
    table = numpy.zeros((count, width), dtype=numpy.int64)
    for row, held in zip(table, blocks, strict=True):
        row[: len(held)] = held[:width]
    return table


def _slots(chunk: Chunk) -> Ints:
    """Where the cache takes the chunk's tokens."""
    first = chunk.start // BLOCK_TOKENS
    blocks = numpy.array(chunk.choice.blocks[first : blocks_for(chunk.end)], dtype=numpy.int64)
    places = numpy.arange(chunk.start, chunk.end)
    return blocks[places // BLOCK_TOKENS - first] * BLOCK_TOKENS + places % BLOCK_TOKENS
