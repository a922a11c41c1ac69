"""Attention over pages as an operator of torch: what a module calls so that the compiler finds it."""

from __future__ import annotations

import torch

from compiler.ir.ops.paged import PAGED

_RUN = PAGED[0].run


@torch.library.custom_op("compiler::paged_attention", mutates_args=())
def paged_attention(
    q: torch.Tensor,
    cache: torch.Tensor,
    tables: torch.Tensor,
    lengths: torch.Tensor,
    pieces: torch.Tensor,
    block: int,
    scale: float,
    window: int,
) -> torch.Tensor:
    """q [tokens, heads, width] over cache [slots, 2 * groups, width]; tables int32 [tokens, blocks], lengths and
    pieces int32 [tokens].

    Token t sees the places before its length, of the last `window` of them if that is not 0; place p is in slot
    tables[t, p / block] * block + p % block. A length of 0 gives zeros. `pieces` names for each
    token the row at which a piece of one request's neighbours begins that it is part of, or is -1. The result is like q.
    """
    found: torch.Tensor = _RUN(q, cache, tables, lengths, pieces, block=block, scale=scale, window=window)
    return found


@paged_attention.register_fake
def _(
    q: torch.Tensor,
    cache: torch.Tensor,
    tables: torch.Tensor,
    lengths: torch.Tensor,
    pieces: torch.Tensor,
    block: int,
    scale: float,
    window: int,
) -> torch.Tensor:
    return torch.empty_like(q)
