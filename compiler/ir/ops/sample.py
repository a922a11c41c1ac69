"""Drawing the next token of each row of logits."""

from __future__ import annotations

import torch

from compiler.ir.op import Family, Op, require
from compiler.ir.value import TensorType, Value

GREEDY_BELOW = 1e-5
"""Temperatures below this mean the likeliest token."""
NOT_FINITE, NOT_ASKED = -1, -2
"""What is drawn of logits that hold an infinity or what is no number, and where nothing is to be drawn."""
UNIFORM_BITS = 53
"""A uniform number is a whole one below two to this, and counted in such parts of one."""


def _sample(logits: Value, shares: Value, whole: Value) -> TensorType:
    require(logits.rank == 2 and logits.dtype == torch.float32, "logits are float32 [rows, vocabulary]")
    require(shares.shape == (logits.axis(0), 3) and shares.dtype == torch.float32, "shares are float32 [rows, 3]")
    require(whole.shape == (logits.axis(0), 2) and whole.dtype == torch.int64, "whole numbers are int64 [rows, 2]")
    return TensorType((logits.axis(0),), torch.int64)


def _run_sample(logits: torch.Tensor, shares: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    rows = zip(logits, shares.tolist(), whole.tolist(), strict=True)
    tokens = [_drawn(row, some, top_k, uniform / 2**UNIFORM_BITS) for row, some, (top_k, uniform) in rows]
    return torch.tensor(tokens, dtype=torch.int64)


def _drawn(row: torch.Tensor, shares: list[float], top_k: int, uniform: float) -> int:
    temperature, top_p, min_p = shares
    if temperature < 0:
        return NOT_ASKED
    if not torch.isfinite(row).all():
        return NOT_FINITE
    if temperature < GREEDY_BELOW:
        return int(row.argmax())
    weights, ids = torch.softmax(row.double() / temperature, 0).sort(descending=True, stable=True)
    k = min(top_k or len(row), len(row))
    weights[k:] = 0
    before = weights.cumsum(0) - weights
    if top_p < 1:
        weights[1:][(before >= top_p * weights.sum())[1:]] = 0
    weights[weights < min_p * weights[0]] = 0
    if not (top_k or top_p < 1 or min_p):
        # Where nothing is cut the uniform number picks in the order of the vocabulary.
        weights = weights[ids.argsort()]
        ids = torch.arange(len(row))
    total = weights.cumsum(0)
    place = torch.searchsorted(total, uniform * total[-1], right=True).clamp(max=len(row) - 1)
    return int(ids[place])


SAMPLE = [
    # Row r's token by shares[r] = temperature, top_p, min_p and whole[r] = top_k, uniform number: see the sampler of the engine,
    # whose rules these are. A temperature below 0 asks for nothing.
    Op("sample", Family.COMPOUND, _sample, _run_sample),
]
