"""Attention within texts that lie one after another, and the mean over each.

Text i is the tokens from `starts[i]` to before `ends[i]`; texts do not overlap. A token of no text sees nothing and gets zeros, as
does a text of no token.
"""

import triton
import triton.language as tl

from compiler.backends.triton.kernels.glance import glance, settled


@triton.jit
def ragged(
    qkv, starts, ends, out,
    TOKENS: tl.constexpr, TEXTS: tl.constexpr, HEADS: tl.constexpr, HEAD: tl.constexpr, SCALE: tl.constexpr,
    BLOCK_R: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_T: tl.constexpr, STAGES: tl.constexpr,
    UPCAST: tl.constexpr,
):  # fmt: skip
    """qkv [TOKENS, 3 HEADS HEAD], queries before keys before values, to out [TOKENS, HEADS HEAD]. A program has BLOCK_R tokens and
    one head, and looks at the texts that any of these are of. Programs: [tiles of tokens, HEADS]."""
    STRIDE: tl.constexpr = 3 * HEADS * HEAD
    head = tl.program_id(1)
    r, d = tl.program_id(0) * BLOCK_R + tl.arange(0, BLOCK_R), tl.arange(0, BLOCK_D)
    first = tl.full((BLOCK_R,), TOKENS, tl.int32)
    past = tl.zeros((BLOCK_R,), tl.int32)
    for at in range(0, TEXTS, BLOCK_T):
        text = at + tl.arange(0, BLOCK_T)
        start = tl.load(starts + text, mask=text < TEXTS, other=0)[None, :]
        end = tl.load(ends + text, mask=text < TEXTS, other=0)[None, :]
        its = (start <= r[:, None]) & (r[:, None] < end)
        first = tl.minimum(first, tl.min(tl.where(its, start, TOKENS), 1))
        past = tl.maximum(past, tl.max(tl.where(its, end, 0), 1))
    inside = (r < TOKENS)[:, None] & (d < HEAD)[None, :]
    asked = tl.load(qkv + r.to(tl.int64)[:, None] * STRIDE + head * HEAD + d[None, :], mask=inside, other=0.0)
    _, total, mixed = glance(
        asked, qkv + (HEADS + head) * HEAD, qkv + (2 * HEADS + head) * HEAD, None, tl.min(first, 0), tl.max(past, 0),
        first, past - 1, STRIDE, False, 1, True, SCALE, HEAD, BLOCK_R, BLOCK_D, BLOCK_P, STAGES, UPCAST,
    )  # fmt: skip
    to = (r.to(tl.int64)[:, None] * HEADS + head) * HEAD + d[None, :]
    tl.store(out + to, settled(mixed, total).to(out.dtype.element_ty), mask=inside)


@triton.jit
def means(
    x, starts, ends, out,
    WIDTH: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    """x [tokens, WIDTH] to out [texts, WIDTH]. Programs: [texts, tiles of WIDTH]."""
    text = tl.program_id(0)
    start, end = tl.load(starts + text), tl.load(ends + text)
    k = tl.program_id(1) * BLOCK_K + tl.arange(0, BLOCK_K)
    total = tl.zeros((BLOCK_R, BLOCK_K), tl.float32)
    for at in range(start, end, BLOCK_R):
        r = at + tl.arange(0, BLOCK_R)
        inside = (r < end)[:, None] & (k < WIDTH)[None, :]
        total += tl.load(x + r.to(tl.int64)[:, None] * WIDTH + k[None, :], mask=inside, other=0.0).to(tl.float32)
    found = tl.sum(total, 0) / tl.maximum(end - start, 1)
    tl.store(out + text * WIDTH + k, found.to(out.dtype.element_ty), mask=k < WIDTH)
