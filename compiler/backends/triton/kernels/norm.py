"""Rows of x [ROWS, DEPTH], normalized; a program has BLOCK_M of them.

With `other` it is their sum with that which is normalized, rounded as x is, and left in `added` where somebody wants it. What
comes out is in `out`, in `narrow` in another type, or in both.
"""

import triton
import triton.language as tl


@triton.jit
def summed(x, other, at, inside):
    found = tl.load(x + at, mask=inside, other=0.0)
    if other is not None:
        found = (found.to(tl.float32) + tl.load(other + at, mask=inside, other=0.0).to(tl.float32)).to(found.dtype)
    return found.to(tl.float32)


@triton.jit
def norm(
    x, other, weight, bias, added, out, narrow,
    ROWS: tl.constexpr, DEPTH: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_K: tl.constexpr, CENTERED: tl.constexpr,
    EPS: tl.constexpr,
):  # fmt: skip
    m = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    row = tl.minimum(m, ROWS - 1)[:, None] * DEPTH
    there = (m < ROWS)[:, None]
    mean = tl.zeros((BLOCK_M,), tl.float32)
    if CENTERED:
        for start in range(0, DEPTH, BLOCK_K):
            place = start + tl.arange(0, BLOCK_K)[None, :]
            mean += tl.sum(summed(x, other, row + place, there & (place < DEPTH)), 1)
        mean = mean / DEPTH
    squares = tl.zeros((BLOCK_M,), tl.float32)
    for start in range(0, DEPTH, BLOCK_K):
        place = start + tl.arange(0, BLOCK_K)[None, :]
        part = summed(x, other, row + place, there & (place < DEPTH))
        part = tl.where(place < DEPTH, part - mean[:, None], 0.0)
        squares += tl.sum(part * part, 1)
    scale = tl.rsqrt(squares / DEPTH + EPS)[:, None]
    for start in range(0, DEPTH, BLOCK_K):
        place = start + tl.arange(0, BLOCK_K)[None, :]
        inside = there & (place < DEPTH)
        part = summed(x, other, row + place, inside)
        if added is not None:
            tl.store(added + row + place, part.to(added.dtype.element_ty), mask=inside)
        found = (part - mean[:, None]) * scale
        found *= tl.load(weight + place, mask=place < DEPTH, other=0.0).to(tl.float32)
        if bias is not None:
            found += tl.load(bias + place, mask=place < DEPTH, other=0.0).to(tl.float32)
        # What is narrow was rounded before as `out` is.
        found = found.to(x.dtype.element_ty)
        if out is not None:
            tl.store(out + row + place, found, mask=inside)
        if narrow is not None:
            tl.store(narrow + row + place, found.to(narrow.dtype.element_ty), mask=inside)
