"""How many threads a forward on a CPU gains by: measured when a network is loaded, because it depends on the processor, the types
and the sizes, and on what else the machine is doing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from time import perf_counter

import torch
from torch import nn

from inference.engine.models.layers import Linear

_LADDER = (1, 4, 16, 64, 256)
"""Tokens of a forward that are tried."""
_GAIN = 1.1
"""What all threads must save, or their waking and waiting is not worth the cores that others could have."""
_TRIES = 7
_LAYERS = 4
"""Layers that are timed one after another: the weights of one alone would stay in the caches, as they never do at work."""


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
    """Decides for one network: `worth` is the least number of tokens for which all threads are used."""

    def __init__(self, worth: int) -> None:
        self.worth = worth

    @classmethod
    def measured(cls, layers: nn.ModuleList) -> Threads:
        """Times matrices of a loaded network, some hundredths of a second in all. On another device it is never worth a thought."""
        found = [
            module for layer in islice(layers, _LAYERS) for module in layer.modules() if isinstance(module, Linear)
        ]
        if not found or found[0].device.type != "cpu":
            return cls(0)

        @torch.inference_mode()
        def compute(tokens: int) -> None:
            for matrix in found:
                matrix.forward(torch.ones(tokens, matrix.columns, dtype=matrix.input_dtype))

        return cls(least_worth(compute, torch.get_num_threads()))

    @contextmanager
    def fit(self, tokens: int) -> Iterator[None]:
        """One thread for a forward of so few tokens that more would lose; all there are otherwise."""
        with threads(1 if tokens < self.worth else torch.get_num_threads()):
            yield


def least_worth(compute: Callable[[int], None], count: int) -> int:
    """The least of the ladder's numbers of tokens at which `count` threads are faster than one; beyond it, if at none."""
    if count == 1:
        return 0
    for tokens in _LADDER:
        best = {1: float("inf"), count: float("inf")}
        for _ in range(_TRIES):
            for tried in best:
                with threads(tried):
                    began = perf_counter()
                    compute(tokens)
                    best[tried] = min(best[tried], perf_counter() - began)
        if best[1] > _GAIN * best[count]:
            return tokens
    return 2 * _LADDER[-1]
