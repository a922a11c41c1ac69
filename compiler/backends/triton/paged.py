"""Kernels over the pages of an engine's cache, for whoever keeps pages itself: a launch, bound to tensors by its caller.

A layer's cache is [blocks, block tokens, 2 * kv heads, head_dim], keys before values. Tables are int32 [requests, blocks] and name
each request's blocks in order; what follows a request's length is never looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from compiler.backends.triton import attentions
from compiler.backends.triton.capabilities import Capabilities
from compiler.backends.triton.launch import bound, scratch
from compiler.backends.triton.linears import norm_kind
from compiler.backends.triton.linears import scratch as sums
from compiler.backends.triton.plans import Argument, Launch, Scratch
from compiler.backends.triton.sources import Constant, from_template
from compiler.backends.triton.tiles import (
    FEW_ROWS,
    LEAST,
    MOST_ROWS,
    Reach,
    Tiles,
    power_above,
    reach,
    tiles,
    whole_heads,
)
from compiler.ir.value import TensorType


@dataclass(frozen=True, slots=True)
class Pages:
    """The form of a layer's cache, and of what asks about it."""

    requests: int
    blocks: int
    """In the cache."""
    block: int
    """Tokens of one."""
    table: int
    """Blocks of a request at most."""
    heads: int
    kv_heads: int
    head_dim: int
    dtype: torch.dtype
    tokens: int = 1
    """New ones of each request."""
    window: int = 0
    """Tokens that each sees, itself included; 0 for all."""

    @property
    def cache(self) -> TensorType:
        return TensorType((self.blocks, self.block, 2 * self.kv_heads, self.head_dim), self.dtype)

    @property
    def q(self) -> TensorType:
        return TensorType((self.requests, self.heads, self.tokens, self.head_dim), self.dtype)


def attention(pages: Pages, device: Capabilities, *, cut: Reach | None = None, upcast: bool = False) -> Launch:
    """Of q to [requests, tokens, heads, head_dim]; arguments: q, cache, table, lengths int32 [requests] with the new tokens, out.

    Raises ValueError for more rows than a tile has.
    """
    rows = max(LEAST, power_above(pages.tokens * pages.heads // pages.kv_heads))
    if pages.heads % pages.kv_heads or rows > MOST_ROWS:
        raise ValueError(f"{pages.tokens} tokens of {pages.heads} heads over {pages.kv_heads} are no rows of one tile")
    programs = pages.requests * pages.kv_heads
    cut = cut or reach(programs, rows, pages.table * pages.block, pages.head_dim, device)
    constants = attentions.constants(
        heads=pages.heads,
        groups=pages.kv_heads,
        head=pages.head_dim,
        tokens=pages.tokens,
        block_q=pages.tokens,
        cut=cut,
        scale=pages.head_dim**-0.5,
        upcast=upcast,
    ) | {
        "PLACES": pages.table * pages.block,
        "PAGED": True,
        "PAGE": pages.block,
        "PAGES": pages.table,
        "WINDOW": pages.window,
    }
    table = TensorType((pages.requests, pages.table), torch.int32)
    lengths = TensorType((pages.requests,), torch.int32)
    out = TensorType((pages.requests, pages.tokens, pages.heads, pages.head_dim), pages.dtype)
    source = from_template("attention", f"attention over pages\n\n-> {out}", constants)
    arguments: tuple[Argument, ...] = pages.q, pages.cache, pages.cache, table, lengths, out
    own = attentions.scratch(programs, rows, pages.head_dim, cut)
    return Launch(None, source, (programs, cut.split, 1), (*arguments, *own), constants, cut.warps, cut.stages, cut)


def qkv(
    pages: Pages,
    depth: int,
    device: Capabilities,
    *,
    eps: float,
    head_eps: float | None = None,
    bias: bool = False,
    quantized: torch.dtype | None = None,
    cut: Tiles | None = None,
    upcast: bool = False,
) -> Launch:
    """Normalizes x [tokens, depth], makes queries, keys and values of it, turns them, and writes to the cache.

    `head_eps` is that of norms of heads, where there are some; `quantized` weights are int8 or float8 with a scale a row.
    Arguments: x, weight, scales, bias, norm weight, None, q norm, k norm, cosines and sines [tokens, head_dim], slots int64
    [tokens] (block * block tokens + offset; below 0: nowhere), q, cache, cache. Raises ValueError for heads that no tile is for.
    """
    rows, half = pages.requests * pages.tokens, pages.head_dim // 2
    if pages.head_dim % 2 or half & (half - 1) or rows > MOST_ROWS:
        raise ValueError(f"{rows} rows of heads of {pages.head_dim} have no kernel; use the reference")
    parts = pages.heads + 2 * pages.kv_heads
    kind = quantized or pages.dtype
    if cut is None:
        cut = tiles(rows, parts * half, depth, pages.dtype, device, pair=True, bytes_=kind.itemsize)
        if head_eps is not None or cut.block_n > half:
            cut = whole_heads(cut, pages.head_dim, rows, depth, parts, device)
    dot = rows > FEW_ROWS
    constants: dict[str, Constant] = {
        "ROWS": rows,
        "DEPTH": depth,
        "TOKENS": pages.tokens,
        "HEADS": pages.heads,
        "GROUPS": pages.kv_heads,
        "HEAD": pages.head_dim,
        "PLACES": pages.blocks * pages.block,
        "TURNS": rows,
        "PAGED": True,
        **cut.names(),
        "NORM": norm_kind("rms_norm", dot=dot, dtype=pages.dtype),
        "EPS": eps,
        "HEAD_EPS": head_eps or 0.0,
        "DOT": dot,
        "UPCAST": upcast,
    }
    columns = TensorType((parts * pages.head_dim,), pages.dtype)
    heads = TensorType((pages.head_dim,), pages.dtype) if head_eps is not None else None
    turn = TensorType((rows, pages.head_dim), pages.dtype)
    grid = parts * half // cut.block_n, -(-rows // cut.block_m), cut.split
    arguments: tuple[Argument, ...] = (
        TensorType((rows, depth), pages.dtype), TensorType((parts * pages.head_dim, depth), kind),
        TensorType(columns.shape, torch.float32) if quantized else None, columns if bias else None,
        TensorType((depth,), pages.dtype), None, heads, heads, turn, turn, TensorType((rows,), torch.int64), pages.q,
        pages.cache, pages.cache,
    )  # fmt: skip
    source = from_template("qkv", f"queries, keys and values to pages\n\n-> {pages.q}", constants)
    own = sums(cut, grid, pair=True)
    return Launch(None, source, grid, (*arguments, *own), constants, cut.warps, cut.stages, cut)


class Called:
    """A launch that its caller gives tensors; what it needs for itself is made once."""

    def __init__(self, launch: Launch, folder: Path, device: torch.device | str = "cuda") -> None:
        """Kernels are written to `folder`."""
        self.launch, self._folder = launch, folder
        # The last two are sums of splits and how many have come, or neither.
        self._given = launch.arguments[:-2]
        self._own = [scratch(each, device) if isinstance(each, Scratch) else None for each in launch.arguments[-2:]]

    def __call__(self, *tensors: torch.Tensor | None) -> None:
        """Raises ValueError for tensors that the launch was not made for, NoTriton, NotCompiled."""
        if len(tensors) != len(self._given):
            raise ValueError(f"{len(self._given)} tensors are asked for, not {len(tensors)}")
        for number, (tensor, wanted) in enumerate(zip(tensors, self._given, strict=True)):
            if (tensor is None) != (wanted is None):
                raise ValueError(f"argument {number} is {'not ' if wanted is None else ''}asked for")
            if tensor is not None and isinstance(wanted, TensorType):
                alike = tensor.dtype == wanted.dtype and tuple(tensor.shape) == wanted.shape
                if not alike or not tensor.is_contiguous():
                    raise ValueError(f"argument {number} is {wanted}, not {tensor.dtype}{list(tensor.shape)}")
        bound(self.launch, [*tensors, *self._own], self._folder)()
