"""Attention over a cache in pages, as a server of many requests keeps it."""

from __future__ import annotations

import torch
from torch.nn import functional

from compiler.ir.op import Family, Op, require
from compiler.ir.size import divided
from compiler.ir.value import TensorType, Value


def _paged_attention(
    q: Value, cache: Value, tables: Value, lengths: Value, pieces: Value, *, block: int, scale: float, window: int
) -> TensorType:
    require(
        q.rank == 3 and cache.rank == 3, "queries are [tokens, heads, width], a cache is [slots, 2 * groups, width]"
    )
    require(q.axis(2) == cache.axis(2), "keys are as wide as queries")
    require(tables.rank == 2 and tables.axis(0) == q.axis(0) == lengths.axis(0), "each token has a table and a length")
    require(pieces.shape == lengths.shape, "each token says which piece it is of")
    require(tables.dtype == lengths.dtype == pieces.dtype == torch.int32, "tables, lengths and pieces are int32")
    divided(cache.axis(1), 2)
    return q.tensor


def _run_paged_attention(
    q: torch.Tensor,
    cache: torch.Tensor,
    tables: torch.Tensor,
    lengths: torch.Tensor,
    pieces: torch.Tensor,
    *,
    block: int,
    scale: float,
    window: int,
) -> torch.Tensor:
    found = torch.zeros_like(q)
    groups = cache.shape[1] // 2
    for token, length in enumerate(lengths.tolist()):
        if length > 0:
            places = torch.arange(max(0, length - window) if window else 0, length)
            slots = tables[token].long()[places // block] * block + places % block
            keys, values = cache[slots].to(q.dtype).split(groups, 1)
            mixed = functional.scaled_dot_product_attention(
                q[token, :, None], keys.transpose(0, 1), values.transpose(0, 1), scale=scale, enable_gqa=True
            )
            found[token] = mixed[:, 0]
    return found


PAGED = [
    # Token t sees the places before its length, of the last `window` of them if that is not 0; place p is in slot
    # tables[t, p / block] * block + p % block, keys' heads before values'. A length of 0 is padding and gives zeros. Tokens of one
    # request that follow each other may be called a piece, by the row of the first: how that is computed, not what. Others say -1.
    Op("paged_attention", Family.COMPOUND, _paged_attention, _run_paged_attention),
]
