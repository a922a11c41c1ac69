"""One launch by itself over numbers of no meaning: compared with the reference, or timed with weights that no cache holds."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count as counting
from pathlib import Path

import torch

from compiler.backends.triton.given import Given
from compiler.backends.triton.launch import bound, scratch
from compiler.backends.triton.plans import Launch, Scratch
from compiler.ir.value import TensorType


class Alone:
    """A launch of a plan. Others over the same numbers may take turns with it."""

    def __init__(self, launch: Launch, given: Given, folder: Path) -> None:
        """Raises NoTriton, NotCompiled."""
        self.launch, self._given = launch, given
        own = {each: scratch(each, given.device) for each in launch.arguments if isinstance(each, Scratch)}
        self._calls = [self._bound(own, copy, folder) for copy in range(given.copies)]
        self._turns = counting()

    def run(self) -> None:
        """With the next copy of the weights."""
        self._calls[next(self._turns) % len(self._calls)]()

    def error(self) -> float:
        """Runs the first copy, twice: the largest error of a result, over the largest number that it should have."""
        self._calls[0]()
        for value in self._given.group.outputs:
            if value.op != "write":
                # What the first run left for the second would otherwise pass for the second's.
                self._given.tensor(value).fill_(torch.nan)
        self._calls[0]()
        return self._given.error()

    def _bound(self, own: dict[Scratch, torch.Tensor], copy: int, folder: Path) -> Callable[[], None]:
        pointers: list[torch.Tensor | None] = []
        for argument in self.launch.arguments:
            if isinstance(argument, Scratch):
                pointers.append(own[argument])
            elif argument is None or isinstance(argument, TensorType):
                pointers.append(None)
            else:
                pointers.append(self._given.tensor(argument, copy))
        return bound(self.launch, pointers, folder)
