"""Whether what a call brings fits a step, found out in microseconds: it is asked on the path of every token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from compiler.ir.graph import Graph
from compiler.ir.interpret import bind
from compiler.ir.size import Polynomial, Size


class Fit:
    """What `bind` says of a graph's inputs and caches."""

    def __init__(self, given: Graph) -> None:
        self._given = given
        values = *given.inputs, *given.caches.values()
        self._kinds = [(value.dtype, [_plain(size) for size in value.shape]) for value in values]
        self._states = list(given.caches)
        self._is_plain = all(size is not None for _, shape in self._kinds for size in shape)

    def __call__(self, inputs: Sequence[torch.Tensor], states: Mapping[str, torch.Tensor]) -> dict[str, int]:
        """What each symbol stands for. Raises Unfit."""
        if (
            self._is_plain
            and len(inputs) + len(self._states) == len(self._kinds)
            and states.keys() >= set(self._states)
        ):
            binding: dict[str, int] = {}
            tensors = *inputs, *(states[name] for name in self._states)
            if all(map(_fits, self._kinds, tensors, [binding] * len(tensors))):
                return binding
        # Which also knows how to say what is wrong.
        return bind(self._given, inputs, states)


def _plain(size: Size) -> int | str | None:
    """A number, or a symbol's name; None for what is made of several."""
    return size.name if isinstance(size, Polynomial) else size


def _fits(kind: tuple[torch.dtype, list[int | str | None]], tensor: torch.Tensor, binding: dict[str, int]) -> bool:
    dtype, sizes = kind
    shape = tensor.shape
    if tensor.dtype is not dtype or len(shape) != len(sizes):
        return False
    for size, actual in zip(sizes, shape, strict=True):
        if (size if isinstance(size, int) else binding.setdefault(size, actual)) != actual:  # type: ignore[arg-type]
            return False
    return True
