"""What several operators are together, by the name it has: recognized in a program, and what backends have kernels for.

`run` is the meaning in plain torch. A recognized value computes in the same precision as the operators that it stands for.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

from compiler.ir.op import Family, Op, broadcast, require
from compiler.ir.size import divided
from compiler.ir.value import TensorType, Value


def _rms_norm(value: Value, weight: Value, *, eps: float) -> TensorType:
    require(weight.shape == value.shape[-1:], "a norm has one weight for each number of the last dimension")
    return value.tensor


def _layer_norm(value: Value, weight: Value, bias: Value, *, eps: float) -> TensorType:
    require(weight.shape == bias.shape == value.shape[-1:], "a norm has a weight and a bias for the last dimension")
    return value.tensor


def _rope(value: Value, cosine: Value, sine: Value) -> TensorType:
    require(cosine.shape == sine.shape, "as many cosines as sines")
    require(broadcast(value.shape, cosine.shape) == value.shape, f"{cosine.type} does not turn {value.type}")
    return value.tensor


def _attention(q: Value, k: Value, v: Value, mask: Value | None = None, *, scale: float, causal: bool) -> TensorType:
    require(q.rank == k.rank == v.rank == 4, "attention is over [batch, heads, tokens, width]")
    require(k.shape[:3] == v.shape[:3] and q.axis(0) == k.axis(0), "as many keys as values, for each of the batch")
    require(q.axis(3) == k.axis(3), "keys are as wide as queries")
    heads, groups = q.axis(1), k.axis(1)
    if isinstance(heads, int) and isinstance(groups, int):
        require(heads % groups == 0, "each head of keys serves as many heads of queries")
    require(mask is None or not causal, "a mask says itself who sees whom")
    return TensorType((*q.shape[:3], v.axis(3)), q.dtype)


def _cached_attention(q: Value, k: Value, v: Value, positions: Value, *, scale: float) -> TensorType:
    require(positions.shape == (q.axis(2),), "each token has a position")
    return _attention(q, k, v, scale=scale, causal=False)


def _gated(gate_up: Value, *, activation: str) -> TensorType:
    return TensorType((*gate_up.shape[:-1], divided(gate_up.axis(-1), 2)), gate_up.dtype)


def _run_rms_norm(value: torch.Tensor, weight: torch.Tensor, *, eps: float) -> torch.Tensor:
    return functional.rms_norm(value, weight.shape, weight, eps)


def _run_layer_norm(value: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, *, eps: float) -> torch.Tensor:
    return functional.layer_norm(value, weight.shape, weight, bias, eps)


def _run_rope(value: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    one, other = value.chunk(2, -1)
    return value * cosine + torch.cat((-other, one), -1) * sine


def _run_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None, *, scale: float, causal: bool
) -> torch.Tensor:
    grouped = q.shape[1] != k.shape[1]
    return functional.scaled_dot_product_attention(q, k, v, mask, is_causal=causal, scale=scale, enable_gqa=grouped)


def _run_cached_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, positions: torch.Tensor, *, scale: float
) -> torch.Tensor:
    mask = torch.arange(k.shape[2]) <= positions[:, None]
    return _run_attention(q, k.to(q.dtype), v.to(q.dtype), mask, scale=scale, causal=False)


_ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {"silu": functional.silu, "gelu": functional.gelu}


def _run_gated(gate_up: torch.Tensor, *, activation: str) -> torch.Tensor:
    gate, up = gate_up.chunk(2, -1)
    return _ACTIVATIONS[activation](gate) * up


COMPOUNDS = [
    Op("rms_norm", Family.COMPOUND, _rms_norm, _run_rms_norm),
    Op("layer_norm", Family.COMPOUND, _layer_norm, _run_layer_norm),
    # Halves turned against each other (arXiv 2104.09864, in the order of transformers): cosines and sines are twice their half.
    Op("rope", Family.COMPOUND, _rope, _run_rope),
    # [batch, heads, tokens, width]; several heads of queries may share one of keys.
    Op("attention", Family.COMPOUND, _attention, _run_attention),
    # The same over a cache, [batch, heads, places, width], of which a token sees the places up to its position.
    Op("cached_attention", Family.COMPOUND, _cached_attention, _run_cached_attention),
    # A gate and what it lets through, side by side: [..., 2 * width] to [..., width].
    Op("gated", Family.COMPOUND, _gated, _run_gated),
]
