"""Rows of x [ROWS, DEPTH], normalized; a program has BLOCK_M of them.

With `other` it is their sum with that which is normalized, rounded as x is, and left in `added` where somebody wants it. What
comes out is in `out`, in `narrow` in another type, or in both.
"""

import triton
import triton.language as tl

from compiler.backends.triton.kernels.products import statistics, summed


@triton.jit
def norm(
    x, other, weight, bias, added, out, narrow,
    ROWS: tl.constexpr, DEPTH: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_K: tl.constexpr, CENTERED: tl.constexpr,
    EPS: tl.constexpr,
):  # fmt: skip
    m = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    rows = tl.minimum(m, ROWS - 1)
    mean, variance = statistics(x, other, rows, DEPTH, BLOCK_K, CENTERED)
    scale = tl.rsqrt(variance + EPS)[:, None]
    for start in range(0, DEPTH, BLOCK_K):
        place = start + tl.arange(0, BLOCK_K)
        inside = (m < ROWS)[:, None] & (place < DEPTH)[None, :]
        at = rows[:, None] * DEPTH + place[None, :]
        part = summed(x, other, at, inside)
        if added is not None:
            tl.store(added + at, part.to(added.dtype.element_ty), mask=inside)
        found = (part - mean[:, None]) * scale
        found *= tl.load(weight + place, mask=place < DEPTH, other=0.0).to(tl.float32)[None, :]
        if bias is not None:
            found += tl.load(bias + place, mask=place < DEPTH, other=0.0).to(tl.float32)[None, :]
        # What is narrow was rounded before as `out` is.
        found = found.to(x.dtype.element_ty)
        if out is not None:
            tl.store(out + at, found, mask=inside)
        if narrow is not None:
            tl.store(narrow + at, found.to(narrow.dtype.element_ty), mask=inside)
