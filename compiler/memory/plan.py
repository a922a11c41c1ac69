"""Offsets of buffers in one arena: one after another, each at the lowest place that is free for as long as it lives.

Which comes first decides what is left over. "Efficient Memory Management for Deep Neural Net Inference" (arXiv 2001.03288) takes
the largest first; a residual that lives from the first layer to the last is better placed before. Both are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from compiler.ir.value import Value
from compiler.memory.liveness import Buffer, peak

ALIGNMENT = 64
"""Bytes: a cache line, and the widest vector of any processor here."""


def aligned(size: int) -> int:
    """The next multiple of that."""
    return -(-size // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True, slots=True)
class Plan:
    offsets: Mapping[Value, int]
    """In bytes from the arena's beginning."""
    bytes: int
    """Of the arena."""
    least: int
    """What buffers that are live at once take together at the worst moment."""

    @property
    def fragmentation(self) -> float:
        """The part of the arena that no moment needs; 0 for a plan that cannot be better."""
        return max(0.0, 1 - self.least / self.bytes) if self.bytes else 0.0


def plan(buffers: Sequence[Buffer]) -> Plan:
    """Buffers that may lie over another are one with it: a chain that lives from the first's beginning to the last's end."""
    chains = _chains(buffers)
    least = peak(Buffer(chain.values[0], chain.bytes, chain.first, chain.last) for chain in chains)
    tried = [_placed(sorted(chains, key=order)) for order in _ORDERS]
    return min((Plan(offsets, total, least) for offsets, total in tried), key=lambda plan: plan.bytes)


def _placed(chains: Iterable[_Chain]) -> tuple[dict[Value, int], int]:
    placed: list[tuple[int, _Chain]] = []
    for chain in chains:
        busy = sorted((offset, offset + other.bytes) for offset, other in placed if chain.overlaps(other))
        offset = 0
        for start, end in busy:
            if offset + chain.bytes <= start:
                break
            offset = max(offset, end)
        placed.append((offset, chain))
    offsets = {value: offset for offset, chain in placed for value in chain.values}
    return offsets, max((offset + chain.bytes for offset, chain in placed), default=0)


@dataclass(slots=True)
class _Chain:
    values: list[Value]
    bytes: int
    first: int
    last: int

    def overlaps(self, other: _Chain) -> bool:
        return self.first <= other.last and other.first <= self.last


_ORDERS: Sequence[Callable[[_Chain], tuple[int, ...]]] = (
    lambda chain: (-chain.bytes, chain.first),
    lambda chain: (chain.first - chain.last, -chain.bytes),
)


def _chains(buffers: Sequence[Buffer]) -> list[_Chain]:
    of: dict[Value, _Chain] = {}
    chains = []
    for buffer in buffers:
        chain = of.get(buffer.over) if buffer.over is not None else None
        # Where one was put over already, another that could be as well lies by itself.
        if chain is not None and chain.last == buffer.first:
            chain.values.append(buffer.value)
            chain.last = buffer.last
        else:
            chain = _Chain([buffer.value], aligned(buffer.bytes), buffer.first, buffer.last)
            chains.append(chain)
        of[buffer.value] = chain
    return chains
