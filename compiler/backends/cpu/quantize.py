"""Weights to integers, symmetric: x ≈ q · scale, with one scale a channel (int8) or a group of neighbours (int4).

Rounding is to the nearest, ties to even. The error of a weight is at most half its scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn.functional import pad

LEAST = 1e-30
"""The least scale: a channel of zeros gets it, so that nothing divides by zero."""


@dataclass(frozen=True, slots=True)
class Int8:
    values: torch.Tensor
    """int8 [N, K], from -127 to 127."""
    scales: torch.Tensor
    """float32 [N]."""

    def dequantized(self) -> torch.Tensor:
        return self.values.float() * self.scales[:, None]


@dataclass(frozen=True, slots=True)
class Int4:
    values: torch.Tensor
    """int8 [N, groups * group], from -8 to 7; columns beyond `columns` are 0."""
    scales: torch.Tensor
    """bfloat16 [N, groups]."""
    group: int
    columns: int

    def dequantized(self) -> torch.Tensor:
        wide = self.scales.float().repeat_interleave(self.group, 1)
        return (self.values.float() * wide)[:, : self.columns]


def int8(weight: torch.Tensor) -> Int8:
    """Of a float weight [N, K]. Raises ValueError where a weight is not finite."""
    weight = _checked(weight)
    scales = (weight.abs().amax(1) / 127).clamp_min(LEAST)
    return Int8((weight / scales[:, None]).round().clamp_(-127, 127).to(torch.int8), scales)


def int4(weight: torch.Tensor, group: int) -> Int4:
    """Of a float weight [N, K], with a scale for each `group` (32, 64 or 128) neighbours along K.

    The scale is the value of largest size, sign included, over -8, which uses all sixteen steps; it is rounded to bfloat16
    before the weights are, so that nothing is lost afterwards. Raises ValueError where a weight is not finite.
    """
    if group not in (32, 64, 128):
        raise ValueError(f"groups of {group}: int4 weights come in groups of 32, 64 or 128")
    weight = _checked(weight)
    columns = weight.shape[1]
    weight = pad(weight, (0, -columns % group)).unflatten(1, (-1, group))
    largest = weight.gather(2, weight.abs().argmax(2, keepdim=True))
    scales = (largest / -8).bfloat16()
    scales = torch.where(scales.abs() < LEAST, torch.full_like(scales, LEAST), scales)
    values = (weight / scales.float()).round().clamp_(-8, 7).to(torch.int8)
    return Int4(values.flatten(1), scales[:, :, 0], group, columns)


def _checked(weight: torch.Tensor) -> torch.Tensor:
    if weight.dim() != 2 or not weight.is_floating_point():
        raise ValueError(f"a weight to quantize is a float matrix, not {weight.dtype} of shape {tuple(weight.shape)}")
    weight = weight.detach().float()
    if not torch.isfinite(weight).all():
        raise ValueError("a weight is infinite or NaN: the checkpoint is damaged, or its type overflowed")
    return weight
