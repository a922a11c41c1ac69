"""How many threads a forward on a CPU gains by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_CACHED_BYTES = 8 << 20
"""A layer whose weights one core's caches keep; larger ones are bound by memory, which two cores read faster than one."""
_WORTH_MACS = 24_000_000
"""Multiplications of one layer below which waking the other threads, dozens of times a layer, costs more than they save."""


@contextmanager
def threads(count: int) -> Iterator[None]:
    """`count` threads for operators on the CPU; as many as before afterwards."""
    before = torch.get_num_threads()
    if count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Threads:
    """Decides for one network."""

    def __init__(self, device: torch.device, *, layer_parameters: int, layer_bytes: int) -> None:
        self._small = device.type == "cpu" and layer_bytes <= _CACHED_BYTES
        self._layer_parameters = layer_parameters

    @contextmanager
    def fit(self, tokens: int) -> Iterator[None]:
        """One thread for a forward of so few tokens that more would lose; all there are otherwise."""
        few = self._small and tokens * self._layer_parameters <= _WORTH_MACS
        with threads(1 if few else torch.get_num_threads()):
            yield
