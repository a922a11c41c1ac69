"""Inputs stacked to one batch, and a batch's output split back to its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from inference.engine.library.errors import InferenceError
from inference.engine.library.pytree import Signature, flatten, signature, unflatten

TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 8e-2}
"""Most that a row may differ from the same input alone, as a share of the largest value: other sizes round otherwise."""


class Row:
    """One input, flat."""

    def __init__(self, value: Any) -> None:
        """Raises InferenceError for a value that is no tree of tensors."""
        self.value = value
        self.leaves, self.spec = flatten(value)
        if not any(leaf is not None for leaf in self.leaves):
            raise InferenceError("the input holds no tensor")
        self.signature: Signature = signature(self.leaves, self.spec)

    @property
    def kind(self) -> Any:
        """Structure, types and numbers of dimensions, whatever the sizes."""
        return self.signature[0], tuple((len(shape), dtype) for shape, dtype in self.signature[1])

    @property
    def finite(self) -> bool:
        """Whether no value of the input is infinite or a NaN."""
        return all(
            leaf is None or not leaf.is_floating_point() or bool(torch.isfinite(leaf).all()) for leaf in self.leaves
        )


def stack(rows: Sequence[Row]) -> Any:
    """One batch of rows with the same signature."""
    leaves = []
    for parts in zip(*(row.leaves for row in rows), strict=True):
        leaves.append(None if parts[0] is None else torch.stack(list(parts)))
    return unflatten(leaves, rows[0].spec)


class Output:
    """A module's output for a batch."""

    def __init__(self, value: Any, count: int) -> None:
        """Raises InferenceError where a tensor's first dimension is not the batch's."""
        self.leaves, self.spec = flatten(value)
        self.follows: tuple[bool, ...] = ()
        """Of a padded batch, which tensors' second dimension follows the length, ..."""
        self.lengths: list[int] = []
        """... and the length of each row."""
        for leaf in self.leaves:
            if leaf is not None and (leaf.dim() == 0 or leaf.shape[0] != count):
                raise InferenceError(
                    f"an output of shape {tuple(leaf.shape)} for a batch of {count} has no row for each input; "
                    "a module must give tensors whose first dimension is the batch"
                )

    def row(self, number: int) -> Any:
        """One row, in memory of its own: a caller may keep it without keeping the batch, and alter it."""
        with torch.inference_mode(False):
            parts = [None if part is None else part.clone() for part in self._parts(number)]
        return pytree.tree_unflatten(parts, self.spec)

    def rows_with(self, *, infinities: bool, count: int) -> list[bool]:
        """For each row, whether it holds a NaN, or an infinity where those count too."""
        found = torch.zeros(count, dtype=torch.bool)
        for leaf in self.leaves:
            if leaf is not None and (leaf.is_floating_point() or leaf.is_complex()) and leaf.numel():
                # The sum of finite numbers is finite but for overflow, which the full look below tells apart.
                if bool(torch.isfinite(leaf.sum())):
                    continue
                flat = leaf.reshape(count, -1)
                found |= (~torch.isfinite(flat) if infinities else torch.isnan(flat)).any(dim=1).cpu()
        return [bool(value) for value in found]

    def agrees(self, number: int, alone: Output) -> bool:
        """Whether a row is what the input gives alone, but for rounding."""
        return self.spec == alone.spec and all(
            _close(part, other[0])
            for part, other in zip(self._parts(number), alone.leaves, strict=True)
            if part is not None and other is not None
        )

    def _parts(self, number: int) -> list[Tensor | None]:
        """A row's tensors, cut back to its length."""
        parts: list[Tensor | None] = [None if leaf is None else leaf[number] for leaf in self.leaves]
        for n, follows in enumerate(self.follows):
            part = parts[n]
            if follows and part is not None:
                parts[n] = part[: self.lengths[number]]
        return parts


def _close(part: Tensor, other: Tensor) -> bool:
    if part.shape != other.shape or part.dtype != other.dtype:
        return False
    if not (part.is_floating_point() or part.is_complex()):
        return torch.equal(part, other)
    largest = float(other[torch.isfinite(other)].abs().max()) if bool(torch.isfinite(other).any()) else 0.0
    limit = TOLERANCE.get(other.dtype, 1e-3) * largest
    return torch.allclose(part, other, rtol=0.0, atol=limit, equal_nan=True)
