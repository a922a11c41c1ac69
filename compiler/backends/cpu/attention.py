"""Writes to the pages of a cache and attention over them, on torch tensors, through a `Library`.

A layer's cache is [blocks, block tokens, 2 * kv heads, head_dim], keys before values, in float32 or bfloat16. Tables are int32
[requests, blocks] and name each request's blocks in order; what follows a request's length is never looked at.
"""

from __future__ import annotations

import ctypes

import torch

from compiler.backends.cpu.bindings import PagesCall, pointer
from compiler.backends.cpu.library import Library

MOST_HEAD_DIM = 256
MOST_ROWS, MOST_VALUES = 1024, 16384
"""Of query heads that share a kv head, and their values in whole vectors; as in kernels/attention.h."""
_TYPES = (torch.float32, torch.bfloat16)


def rotate_(
    library: Library, heads: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor, positions: torch.Tensor
) -> None:
    """Rotary embedding of heads float32 [tokens, heads, head_dim] in place; tables float32 [positions, half], positions int64."""
    tokens, count, head_dim = heads.shape
    library.native.rope_run(
        library.pool, pointer(heads), tokens, count * head_dim, count, head_dim, pointer(cosines), pointer(sines),
        cosines.shape[1], pointer(positions),
    )  # fmt: skip


def write(library: Library, cache: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, slots: torch.Tensor) -> None:
    """New tokens' keys and values float32 [tokens, kv heads, head_dim] to their slots int64 (block * block tokens + offset; below
    0: nowhere)."""
    keys, values = keys.contiguous(), values.contiguous()
    stride = keys[0].numel()
    library.native.write_run(
        library.pool, _pages(cache), pointer(keys), pointer(values), stride, keys.shape[0], pointer(slots)
    )


def decode(
    library: Library,
    q: torch.Tensor,
    cache: torch.Tensor,
    tables: torch.Tensor,
    lengths: torch.Tensor,
    *,
    scale: float | None = None,
    window: int = 0,
) -> torch.Tensor:
    """Attention of each request's newest token: q float32 [requests, heads, head_dim] to the same, over `lengths` int32 [requests]
    tokens of its pages, or the last `window` of them. A length of 0 gives zeros. Raises ValueError."""
    pages, scale = _checked(q, cache, tables, scale)
    out = torch.empty_like(q)
    library.native.decode_run(
        library.pool, pages, pointer(tables), tables.shape[1], pointer(lengths), q.shape[0], q.shape[1], window, scale,
        pointer(q), q[0].numel(), pointer(out),
    )  # fmt: skip
    return out


def prompt(
    library: Library,
    q: torch.Tensor,
    cache: torch.Tensor,
    tables: torch.Tensor,
    starts: torch.Tensor,
    lengths: torch.Tensor,
    *,
    scale: float | None = None,
    window: int = 0,
) -> torch.Tensor:
    """Causal attention of several new tokens a request: q float32 [tokens, heads, head_dim], request i's rows `starts[i]` to before
    `starts[i + 1]` (int32 [requests + 1]), being the last of its `lengths[i]` tokens in the pages. Raises ValueError."""
    pages, scale = _checked(q, cache, tables, scale)
    out = torch.empty_like(q)
    library.native.prompt_run(
        library.pool, pages, pointer(tables), tables.shape[1], pointer(starts), pointer(lengths), lengths.shape[0],
        q.shape[1], window, scale, pointer(q), q[0].numel(), pointer(out),
    )  # fmt: skip
    return out


def encode(library: Library, qkv: torch.Tensor, starts: torch.Tensor, *, scale: float | None = None) -> torch.Tensor:
    """Attention of packed texts, each to itself: qkv [tokens, 3, heads, head_dim] to [tokens, heads, head_dim] of its type; text i
    is the tokens `starts[i]` to before `starts[i + 1]`, int32. Raises ValueError."""
    tokens, _, heads, head_dim = qkv.shape
    if qkv.dtype not in _TYPES or head_dim > MOST_HEAD_DIM:
        raise ValueError(f"no kernel for {qkv.dtype} and heads of {head_dim}")
    out = torch.empty(tokens, heads, head_dim, dtype=qkv.dtype)
    library.native.encoder_run(
        library.pool, pointer(qkv), qkv.dtype == torch.bfloat16, pointer(starts), starts.shape[0] - 1, heads, head_dim,
        head_dim**-0.5 if scale is None else scale, pointer(out),
    )  # fmt: skip
    return out


def _pages(cache: torch.Tensor) -> ctypes.c_void_p:
    if cache.dtype not in _TYPES or cache.dim() != 4 or cache.shape[3] > MOST_HEAD_DIM:
        raise ValueError(
            f"no pages of {cache.dtype} and shape {tuple(cache.shape)}: float32 or bfloat16, heads of at most {MOST_HEAD_DIM}"
        )
    call = PagesCall(pointer(cache), cache.dtype == torch.bfloat16, cache.shape[1], cache.shape[2] // 2, cache.shape[3])
    return ctypes.pointer(call)  # type: ignore[return-value]


def _checked(
    q: torch.Tensor, cache: torch.Tensor, tables: torch.Tensor, scale: float | None
) -> tuple[ctypes.c_void_p, float]:
    pages = _pages(cache)
    if q.dtype != torch.float32 or q.dim() != 3 or q.shape[2] != cache.shape[3] or q.shape[1] % (cache.shape[2] // 2):
        raise ValueError(f"queries of {q.dtype} {tuple(q.shape)} do not fit pages of shape {tuple(cache.shape)}")
    group = q.shape[1] // (cache.shape[2] // 2)
    if group > MOST_ROWS or group * (q.shape[2] + 16) > MOST_VALUES:
        raise ValueError(f"{group} query heads of {q.shape[2]} for one kv head are too many for a kernel")
    if tables.dtype != torch.int32:
        raise ValueError(f"tables are int32, not {tables.dtype}")
    return pages, q.shape[2] ** -0.5 if scale is None else scale
