"""One launch by itself over numbers of no meaning: compared with the reference, or timed with weights that no cache holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import count as counting
from pathlib import Path
from typing import Any

import torch

from compiler.backends.triton.launch import bound, scratch
from compiler.backends.triton.plans import Launch, Scratch, numbers
from compiler.ir.ops import OPS
from compiler.ir.ops.mixed import LARGEST_BYTE
from compiler.ir.value import TensorType, Value
from compiler.schedule.group import Group


class Alone:
    """A launch of a plan. The numbers are the same for the same seed; no prompt is needed, and none is taken."""

    def __init__(
        self, launch: Launch, group: Group, folder: Path, device: torch.device | str, *, copies: int = 1
    ) -> None:
        """With `copies` of every weight, which calls take by turns. Raises NoTriton, OSError, or what Triton raises."""
        self.launch, self._group, self._device = launch, group, torch.device(device)
        self._generator = torch.Generator().manual_seed(0)
        self._tensors: dict[Value, torch.Tensor] = {}
        for value in (*group.inputs, *group.outputs):
            self._placed(value)
        self._before = {value: tensor.clone() for value, tensor in self._tensors.items()}
        own = {each: scratch(each, device) for each in launch.arguments if isinstance(each, Scratch)}
        self._calls = [self._bound(own, folder, first=number == 0) for number in range(copies)]
        self._turns = counting()

    def run(self) -> None:
        self._calls[next(self._turns) % len(self._calls)]()

    def error(self) -> float:
        """Runs the first copy, twice: the largest error of a result, over the largest number that it should have."""
        self._calls[0]()
        for value in self._group.outputs:
            if value.op != "write":
                # What the first run left for the second would otherwise pass for the second's.
                self._tensors[value].fill_(torch.nan)
        self._calls[0]()
        worst = 0.0
        for value, wanted in self._expected().items():
            found = self._tensors[_cache(value)].double()
            if not torch.isfinite(found).all():
                return float("inf")
            worst = max(worst, float((found - wanted).abs().max() / wanted.abs().max().clamp(min=1e-30)))
        return worst

    def _expected(self) -> dict[Value, torch.Tensor]:
        """By the reference, with halves as float32."""
        found: dict[Value, Any] = {}
        with torch.device(self._device), torch.inference_mode():
            for value in self._group.values:
                args = [found[arg] if arg in found else self._given(arg) for arg in value.args]
                attributes = {
                    name: torch.float32 if content in (torch.float16, torch.bfloat16) else content
                    for name, content in value.attributes.items()
                }
                found[value] = OPS[value.op].run(*args, **attributes)
        return {value: found[value].double() for value in self._group.outputs}

    def _given(self, value: Value) -> Any:
        if value.op == "constant":
            return value["number"]
        tensor = self._before[_cache(value)]
        return tensor.float() if tensor.dtype.is_floating_point else tensor

    def _bound(self, own: dict[Scratch, torch.Tensor], folder: Path, *, first: bool) -> Callable[[], None]:
        pointers: list[torch.Tensor | None] = []
        for argument in self.launch.arguments:
            if isinstance(argument, Scratch):
                pointers.append(own[argument])
            elif argument is None or isinstance(argument, TensorType):
                pointers.append(None)
            else:
                tensor = self._tensors[_cache(argument)]
                pointers.append(tensor if first or argument.op != "weight" else tensor.clone())
        return bound(self.launch, pointers, folder)

    def _placed(self, value: Value) -> None:
        value = _cache(value)
        if value not in self._tensors and value.op != "constant":
            self._tensors[value] = self._made(value).to(self._device)

    def _made(self, value: Value) -> torch.Tensor:
        shape = numbers(value.shape)
        if value.dtype == torch.int8:
            return torch.randint(-127, 128, shape, dtype=torch.int8, generator=self._generator)
        if not value.dtype.is_floating_point:
            # Places at the end of a cache: attention reads all of it.
            last = max((numbers(each.shape)[2] for each in _caches(self._group)), default=shape[-1] if shape else 1)
            size = torch.Size(shape).numel()
            return (torch.arange(size) + max(0, last - size)).to(value.dtype).reshape(shape)
        made = torch.randn(shape, generator=self._generator)
        anchor = self._group.anchor
        if anchor.op == "scaled_linear" and value is anchor.args[2]:
            # What comes out is of the size of what went in.
            return made / (LARGEST_BYTE * math.sqrt(numbers(anchor.args[1].shape)[1]))
        return (made / math.sqrt(shape[-1]) if value.op == "weight" and len(shape) == 2 else made).to(value.dtype)


def _cache(value: Value) -> Value:
    while value.op == "write":
        value = value.args[0]
    return value


def _caches(group: Group) -> Sequence[Value]:
    return [value for value in group.inputs if _cache(value).op == "state"]
