"""Inputs of different lengths in one batch, for modules that take a mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from inference.engine.library.rows import Output, Row


@dataclass(frozen=True, slots=True)
class Padding:
    """What is padded and how a module is told.

    A dict that has all of `fields`, each a tensor of shape [length, ...] with one length, may share a batch with others whose
    lengths round up to the same power of two, so that at most half of a batch is padding. Its fields are filled on the right with
    their values, and `mask` (int64, shape [length]; ones where the input has none) with zeros. Outputs whose second dimension
    follows the length are cut back to it.
    """

    fields: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({"input_ids": 0}))
    mask: str = "attention_mask"

    def length(self, row: Row) -> int | None:
        """The input's length; None where it is not one to pad."""
        value = row.value
        if type(value) is not dict or not self.fields or not self.fields.keys() <= value.keys():
            return None
        parts = [value[name] for name in (*self.fields, self.mask) if name in value]
        if not all(isinstance(part, Tensor) and part.dim() for part in parts):
            return None
        lengths = {int(part.shape[0]) for part in parts}
        return lengths.pop() if len(lengths) == 1 else None

    def group(self, row: Row, length: int) -> Any:
        """What inputs of one padded batch have in common."""
        names = sorted({*row.value, self.mask})
        shapes: list[Any] = []
        for name in names:
            part = row.value.get(name)
            padded = name in self.fields or name == self.mask
            if isinstance(part, Tensor):
                shapes.append((tuple(part.shape[1:] if padded else part.shape), part.dtype))
            else:
                shapes.append(((), torch.int64) if name == self.mask else (None, None))
        return "padded", tuple(names), tuple(shapes), 1 << max(length - 1, 0).bit_length()

    def padded(self, row: Row, length: int, to: int) -> Row:
        """The input in a length of `to`, with its mask."""
        value = dict(row.value)
        device = next(value[name].device for name in self.fields)
        value.setdefault(self.mask, torch.ones(length, dtype=torch.int64, device=device))
        for name, fill in {**self.fields, self.mask: 0}.items():
            part = value[name]
            room = part.new_full((to - length, *part.shape[1:]), fill)
            value[name] = torch.cat([part, room]) if to > length else part
        return Row({name: value[name] for name in sorted(value)})


def following(output: Output, alone: Output, length: int, to: int) -> tuple[bool, ...]:
    """Which tensors of an output follow the length, told from one that was padded from `length` to `to`, and the same alone."""
    return tuple(
        leaf is not None
        and other is not None
        and leaf.dim() > 1
        and other.dim() > 1
        and leaf.shape[1] == to
        and other.shape[1] == length
        for leaf, other in zip(output.leaves, alone.leaves, strict=True)
    )


def lengths_of(padding: Padding, rows: Sequence[Row]) -> list[int]:
    """Of rows that are all to be padded."""
    return [length for row in rows if (length := padding.length(row)) is not None]
