"""What a group is given to be tried by itself: numbers of no meaning, and what should come out of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from compiler.backends.triton.plans import numbers
from compiler.ir.ops import OPS
from compiler.ir.ops.mixed import LARGEST_BYTE
from compiler.ir.value import Value
from compiler.schedule.group import Group

CONTEXT = 1024
"""Tokens of a text that is attended to, where texts can be of any length."""


class Given:
    """Tensors for everything that a group reads and writes: the same for the same seed on the same kind of device. No prompt is
    needed, and none is taken."""

    def __init__(self, group: Group, device: torch.device | str, *, copies: int = 1) -> None:
        """With `copies` of every weight and cache, so that who takes them by turns finds none in a nearer memory."""
        self.group, self.device, self.copies = group, torch.device(device), copies
        self._generator = torch.Generator(self.device).manual_seed(0)
        self._tensors: dict[Value, torch.Tensor] = {}
        for value in (*group.inputs, *group.outputs):
            cache = cache_of(value)
            if cache not in self._tensors and cache.op != "constant":
                self._tensors[cache] = self._made(cache)
        self._before = {value: tensor.clone() for value, tensor in self._tensors.items() if value.op == "state"}
        kept = [value for value in self._tensors if value.op in ("weight", "state")]
        self._others = [{value: self._tensors[value].clone() for value in kept} for _ in range(copies - 1)]

    def tensor(self, value: Value, copy: int = 0) -> torch.Tensor:
        """Where `value` lies; of a weight or a cache there are `copies`."""
        cache = cache_of(value)
        return self._others[copy - 1].get(cache, self._tensors[cache]) if copy else self._tensors[cache]

    def error(self) -> float:
        """Of what lies where the outputs are: the largest error, over the largest number that there should be."""
        worst = 0.0
        for value, wanted in self._expected().items():
            found = self.tensor(value).double()
            if not torch.isfinite(found).all():
                return float("inf")
            worst = max(worst, float((found - wanted).abs().max() / wanted.abs().max().clamp(min=1e-30)))
        return worst

    def _expected(self) -> dict[Value, torch.Tensor]:
        """By the reference, with halves as float32."""
        found: dict[Value, Any] = {}
        with torch.device(self.device), torch.inference_mode():
            for value in self.group.values:
                args = [found[arg] if arg in found else self._operand(arg) for arg in value.args]
                attributes = {
                    name: torch.float32 if content in (torch.float16, torch.bfloat16) else content
                    for name, content in value.attributes.items()
                }
                found[value] = OPS[value.op].run(*args, **attributes)
        return {value: found[value].double() for value in self.group.outputs}

    def _operand(self, value: Value) -> Any:
        if value.op == "constant":
            return value["number"]
        cache = cache_of(value)
        tensor = self._before.get(cache, self._tensors[cache])
        return tensor.float() if tensor.dtype.is_floating_point else tensor

    def _made(self, value: Value) -> torch.Tensor:
        shape, device = numbers(value.shape), self.device
        if value.op in ("full", "arange"):
            with torch.device(device):
                made: torch.Tensor = OPS[value.op].run(**value.attributes)
            return made
        if value.dtype == torch.int8:
            return torch.randint(-127, 128, shape, dtype=torch.int8, generator=self._generator, device=device)
        if value.dtype == torch.float8_e4m3fn:
            return (32 * torch.randn(shape, generator=self._generator, device=device)).to(value.dtype)
        if self.group.anchor.op == "paged_attention" and value in self.group.anchor.args[2:]:
            return self._about_pages(value)
        if not value.dtype.is_floating_point:
            # Places at the end of a cache: attention reads all of it.
            last = max((numbers(each.shape)[2] for each in _caches(self.group)), default=shape[-1] if shape else 1)
            size = torch.Size(shape).numel()
            return (torch.arange(size, device=device) + max(0, last - size)).to(value.dtype).reshape(shape)
        drawn = torch.randn(shape, generator=self._generator, device=device)
        anchor = self.group.anchor
        if anchor.op == "scaled_linear" and value is anchor.args[2]:
            # What comes out is of the size of what went in.
            return drawn / (LARGEST_BYTE * math.sqrt(numbers(anchor.args[1].shape)[1]))
        return (drawn / math.sqrt(shape[-1]) if value.op == "weight" and len(shape) == 2 else drawn).to(value.dtype)

    def _about_pages(self, value: Value) -> torch.Tensor:
        """Tables of pages that there are, and texts of `CONTEXT` tokens, or as many as a table holds, each with one new."""
        anchor = self.group.anchor
        _, cache, tables, lengths, _ = anchor.args
        shape, block = numbers(value.shape), int(anchor["block"])
        if value is tables:
            pages = numbers(cache.shape)[0] // block
            every = torch.arange(torch.Size(shape).numel(), device=self.device) % pages
            return every.to(value.dtype).reshape(shape)
        number = min(CONTEXT, numbers(tables.shape)[1] * block) if value is lengths else -1
        return torch.full(shape, number, dtype=value.dtype, device=self.device)


def cache_of(value: Value) -> Value:
    """What a write writes to, or the value itself."""
    while value.op == "write":
        value = value.args[0]
    return value


def _caches(group: Group) -> Sequence[Value]:
    return [value for value in group.inputs if cache_of(value).op == "state"]
