"""What becomes bytes is spread first: each column of a norm is shifted and scaled, so that none is far larger than the others.

A row of bytes has one scale, and an encoder's norms have a few columns ten times as large as the rest, about a middle that is not
zero. A norm's own weight and bias can take the shift and the scale, and the weights that read it undo both, the shift in their
bias: nothing more is computed. As SmoothQuant (arXiv 2211.10438), with a shift besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from compiler.ir.ops import make
from compiler.ir.value import TensorType, Value

SHARE = 0.85
"""How much of a column's size goes from the activations into the weights, of 1."""
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Smoothed:
    """A linear layer whose rows are spread, with the new weights by name."""

    asked: Value
    rows: torch.Tensor
    """The sample as it is asked now."""
    weight: torch.Tensor
    """float32."""
    bias: Value
    weights: Mapping[str, torch.Tensor]


def smoothed(linear: Value, rows: torch.Tensor, weights: Mapping[str, torch.Tensor]) -> Smoothed:
    """`linear` reads a layer_norm; `rows` [some, columns] are a sample of what that gives."""
    norm, matrix, *bias = linear.args
    name = str(matrix["name"])
    weight = weights[name].float()
    low, high = rows.amin(0), rows.amax(0)
    middle, reach = (high + low) / 2, ((high - low) / 2).clamp_min(_LEAST)
    scale = reach**SHARE / weight.abs().amax(0).clamp_min(_LEAST) ** (1 - SHARE)
    scale = scale / scale.mean()
    norm_weight, norm_bias = (weights[str(arg["name"])].float() for arg in norm.args[1:])
    made = {
        f"{name}.spread.weight": norm_weight / scale,
        f"{name}.spread.bias": (norm_bias - middle) / scale,
        f"{name}.spread.shift": weight @ middle + (weights[str(bias[0]["name"])].float() if bias else 0),
    }
    values = [make("weight", name=key, type=TensorType(tuple(t.shape), torch.float32)) for key, t in made.items()]
    asked = make("layer_norm", norm.args[0], *values[:2], eps=norm["eps"])
    return Smoothed(asked, (rows - middle) / scale, weight * scale, values[2], made)
