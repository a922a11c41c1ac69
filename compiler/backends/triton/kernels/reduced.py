"""A number for each row of x [rows, DEPTH]: its sum, or its mean. Programs: [rows]."""

import triton
import triton.language as tl


@triton.jit
def reduced(x, out, DEPTH: tl.constexpr, BLOCK_K: tl.constexpr, MEAN: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    total = tl.zeros((BLOCK_K,), tl.float32)
    for at in range(0, DEPTH, BLOCK_K):
        place = at + tl.arange(0, BLOCK_K)
        total += tl.load(x + row * DEPTH + place, mask=place < DEPTH, other=0.0).to(tl.float32)
    found = tl.sum(total, 0)
    if MEAN:
        found = found / DEPTH
    tl.store(out + row, found.to(out.dtype.element_ty))
