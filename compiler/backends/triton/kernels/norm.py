"""Rows of x [ROWS, DEPTH], normalized; a program has BLOCK_M of them."""

import triton
import triton.language as tl

from compiler.backends.triton.kernels.products import statistics


@triton.jit
def norm(
    x, weight, bias, out,
    ROWS: tl.constexpr, DEPTH: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_K: tl.constexpr, CENTERED: tl.constexpr,
    EPS: tl.constexpr,
):  # fmt: skip
    m = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    rows = tl.minimum(m, ROWS - 1)
    mean, variance = statistics(x, rows, DEPTH, BLOCK_K, CENTERED)
    scale = tl.rsqrt(variance + EPS)[:, None]
    for start in range(0, DEPTH, BLOCK_K):
        place = start + tl.arange(0, BLOCK_K)
        inside = (m < ROWS)[:, None] & (place < DEPTH)[None, :]
        at = rows[:, None] * DEPTH + place[None, :]
        found = (tl.load(x + at, mask=inside, other=0.0).to(tl.float32) - mean[:, None]) * scale
        found *= tl.load(weight + place, mask=place < DEPTH, other=0.0).to(tl.float32)[None, :]
        if bias is not None:
            found += tl.load(bias + place, mask=place < DEPTH, other=0.0).to(tl.float32)[None, :]
        tl.store(out + at, found.to(out.dtype.element_ty), mask=inside)
