"""x [ROWS, DEPTH] with weight [COLUMNS, DEPTH], twice as long for a `PAIR`, to out [ROWS, COLUMNS].

A norm goes before it; bias, activation or gate, and residual after, each where there is one.

Programs: [tiles of columns, tiles of rows, splits of DEPTH].
"""

import triton
import triton.language as tl

from compiler.backends.triton.kernels.products import activated, collected, leave, products


@triton.jit
def finished(
    first,
    second,
    squares,
    scales,
    bias,
    residual,
    out,
    m,
    n,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
    PAIR: tl.constexpr,
    NORM: tl.constexpr,
    EPS: tl.constexpr,
    ACTIVATION: tl.constexpr,
):
    inside = (m < ROWS)[:, None] & (n < COLUMNS)[None, :]
    column = tl.minimum(n, COLUMNS - 1)
    if NORM == "late":
        scale = tl.rsqrt(squares / DEPTH + EPS)[:, None]
        first *= scale
        second *= scale
    if scales is not None:
        first *= tl.load(scales + column)[None, :]
        if PAIR:
            second *= tl.load(scales + COLUMNS + column)[None, :]
    if bias is not None:
        first += tl.load(bias + column).to(tl.float32)[None, :]
        if PAIR:
            second += tl.load(bias + COLUMNS + column).to(tl.float32)[None, :]
    found = activated(first, ACTIVATION)
    if PAIR:
        found *= second
    at = m[:, None] * COLUMNS + n[None, :]
    if residual is not None:
        found += tl.load(residual + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(out + at, found.to(out.dtype.element_ty), mask=inside)


@triton.jit
def linear(
    x,
    weight,
    scales,
    bias,
    norm_weight,
    norm_bias,
    residual,
    out,
    partial,
    counters,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
    SPLIT: tl.constexpr,
    STAGES: tl.constexpr,
    PAIR: tl.constexpr,
    NORM: tl.constexpr,
    EPS: tl.constexpr,
    ACTIVATION: tl.constexpr,
    DOT: tl.constexpr,
    UPCAST: tl.constexpr,
):
    m = tl.program_id(1) * BLOCK_M + tl.arange(0, BLOCK_M)
    n = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    # Columns beyond the last read the last again and are not stored, so that no load needs a mask for them.
    rows = tl.minimum(m, ROWS - 1)
    columns = tl.minimum(n, COLUMNS - 1)
    SHARE: tl.constexpr = (DEPTH + SPLIT * BLOCK_K - 1) // (SPLIT * BLOCK_K) * BLOCK_K
    begin = tl.program_id(2) * SHARE
    end = tl.minimum(begin + SHARE, DEPTH)
    first, second, squares = products(
        x, weight, norm_weight, norm_bias, rows, m < ROWS, columns, columns + COLUMNS, begin, end, ROWS % BLOCK_M == 0,
        DEPTH, BLOCK_M, BLOCK_N, BLOCK_K, STAGES, PAIR, NORM, EPS, DOT, UPCAST,
    )  # fmt: skip
    if SPLIT == 1:
        finished(
            first, second, squares, scales, bias, residual, out, m, n,
            ROWS, COLUMNS, DEPTH, PAIR, NORM, EPS, ACTIVATION,
        )  # fmt: skip
    else:
        tile = tl.program_id(1) * tl.num_programs(0) + tl.program_id(0)
        leave(partial, tile * SPLIT + tl.program_id(2), first, second, squares, BLOCK_M, BLOCK_N, PAIR, NORM)
        tl.debug_barrier()
        if tl.atomic_add(counters + tile, 1, sem="acq_rel") == SPLIT - 1:
            first, second, squares = collected(partial, tile * SPLIT, SPLIT, BLOCK_M, BLOCK_N, PAIR, NORM)
            finished(
                first, second, squares, scales, bias, residual, out, m, n,
                ROWS, COLUMNS, DEPTH, PAIR, NORM, EPS, ACTIVATION,
            )  # fmt: skip
            # As the next launch expects to find it.
            tl.store(counters + tile, 0)
