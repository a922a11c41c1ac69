"""Queries, keys and values that somebody else has computed, x [ROWS, (HEADS + 2 GROUPS) HEAD], normalized by head, turned, and the
keys and values put where the cache wants them: what `qkv` does after its product, and with the same words.

A program has BLOCK_M rows of one head. Programs: [HEADS + 2 GROUPS, tiles of rows].
"""

import triton
import triton.language as tl

from compiler.backends.triton.kernels.qkv import stored


@triton.jit
def turned(
    x, q_norm, k_norm, cosine, sine, places, q, keys, values,
    ROWS: tl.constexpr, TOKENS: tl.constexpr, HEADS: tl.constexpr, GROUPS: tl.constexpr, HEAD: tl.constexpr,
    PLACES: tl.constexpr, TURNS: tl.constexpr, PAGED: tl.constexpr, BLOCK_M: tl.constexpr, HEAD_EPS: tl.constexpr,
):  # fmt: skip
    HALF: tl.constexpr = HEAD // 2
    head = tl.program_id(0)
    half = tl.arange(0, HALF)
    m = tl.program_id(1) * BLOCK_M + tl.arange(0, BLOCK_M)
    at = x + tl.minimum(m, ROWS - 1)[:, None] * ((HEADS + 2 * GROUPS) * HEAD) + head * HEAD + half[None, :]
    first, second = tl.load(at).to(tl.float32), tl.load(at + HALF).to(tl.float32)
    stored(
        first, second, 0.0, None, None, q_norm, k_norm, cosine, sine, places, q, keys, values, m, head, half,
        ROWS, HEAD, TOKENS, HEADS, GROUPS, HEAD, PLACES, TURNS, PAGED, "none", 0.0, HEAD_EPS,
    )  # fmt: skip
