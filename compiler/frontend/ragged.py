"""Attention and means of texts without padding as operators of torch: what a module calls so that the compiler finds them."""

from __future__ import annotations

import torch

from compiler.ir.ops.ragged import RAGGED

_ATTEND, _MEAN = (op.run for op in RAGGED)


@torch.library.custom_op("compiler::ragged_attention", mutates_args=())
def ragged_attention(
    qkv: torch.Tensor, starts: torch.Tensor, ends: torch.Tensor, heads: int, scale: float
) -> torch.Tensor:
    """qkv [tokens, 3 * heads * width], queries before keys before values, to [tokens, heads * width] of the same type.

    Text i is the tokens `starts[i]` to before `ends[i]`, both int32 [texts]; a token sees its own text and nothing else.
    """
    found: torch.Tensor = _ATTEND(qkv, starts, ends, heads=heads, scale=scale)
    return found


@ragged_attention.register_fake
def _(qkv: torch.Tensor, starts: torch.Tensor, ends: torch.Tensor, heads: int, scale: float) -> torch.Tensor:
    return qkv.new_empty(qkv.shape[0], qkv.shape[1] // 3)


@torch.library.custom_op("compiler::ragged_mean", mutates_args=())
def ragged_mean(values: torch.Tensor, starts: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
    """The mean over each text: values [tokens, width] to [texts, width]; texts are as `ragged_attention` has them."""
    found: torch.Tensor = _MEAN(values, starts, ends)
    return found


@ragged_mean.register_fake
def _(values: torch.Tensor, starts: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
    return values.new_empty(starts.shape[0], values.shape[1])
