"""Queries, keys and values of x [ROWS, DEPTH]: normalized by head, turned, the keys and values put where the cache wants them.

The weight's rows are HEADS heads of queries, GROUPS of keys and GROUPS of values, each HEAD wide. A program has BLOCK_N numbers of
the first half of one head and the numbers of its second half that they are turned with. A row is a text's token: text m //
TOKENS, token m % TOKENS. Caches are [texts, GROUPS, PLACES, HEAD] with a place for each token, or with `PAGED` [slots, 2 GROUPS,
HEAD], keys before values, with a slot for each row. A place that there is not is left out; with PLACES 0 there is any from 0 on,
so that one kernel serves caches of all sizes.
"""

import triton
import triton.language as tl

from compiler.backends.triton.kernels.products import collected, leave, products


@triton.jit
def stored(
    first, second, squares, scales, bias, q_norm, k_norm, cosine, sine, places, q, keys, values, m, head, half,
    ROWS: tl.constexpr, DEPTH: tl.constexpr, TOKENS: tl.constexpr, HEADS: tl.constexpr, GROUPS: tl.constexpr,
    HEAD: tl.constexpr, PLACES: tl.constexpr, TURNS: tl.constexpr, PAGED: tl.constexpr, NORM: tl.constexpr,
    EPS: tl.constexpr, HEAD_EPS: tl.constexpr,
):  # fmt: skip
    HALF: tl.constexpr = HEAD // 2
    row = tl.minimum(m, ROWS - 1)
    column = head * HEAD + half
    if NORM == "late":
        scale = tl.rsqrt(squares / DEPTH + EPS)[:, None]
        first *= scale
        second *= scale
    if scales is not None:
        first *= tl.load(scales + column)[None, :]
        second *= tl.load(scales + column + HALF)[None, :]
    if bias is not None:
        first += tl.load(bias + column).to(tl.float32)[None, :]
        second += tl.load(bias + column + HALF).to(tl.float32)[None, :]
    is_q, is_v = head < HEADS, head >= HEADS + GROUPS
    if q_norm is not None:
        # A tile has whole heads: see `tiles`.
        scale = tl.rsqrt((tl.sum(first * first, 1) + tl.sum(second * second, 1)) / HEAD + HEAD_EPS)[:, None]
        one = tl.where(is_q, tl.load(q_norm + half), tl.load(k_norm + half)).to(tl.float32)[None, :]
        other = tl.where(is_q, tl.load(q_norm + half + HALF), tl.load(k_norm + half + HALF)).to(tl.float32)[None, :]
        first = tl.where(is_v, first, first * scale * one)
        second = tl.where(is_v, second, second * scale * other)
    turn = (row % TURNS)[:, None] * HEAD + half[None, :]
    c1, s1 = tl.load(cosine + turn).to(tl.float32), tl.load(sine + turn).to(tl.float32)
    c2, s2 = tl.load(cosine + turn + HALF).to(tl.float32), tl.load(sine + turn + HALF).to(tl.float32)
    one = tl.where(is_v, first, first * c1 - second * s1)
    other = tl.where(is_v, second, second * c2 + first * s2)
    text, token = row // TOKENS, row % TOKENS
    inside = (m < ROWS)[:, None] & (half < HALF)[None, :]
    kind = keys.dtype.element_ty
    at = q + ((text * HEADS + head) * TOKENS + token)[:, None] * HEAD + half[None, :]
    tl.store(at, one.to(q.dtype.element_ty), mask=inside & is_q)
    tl.store(at + HALF, other.to(q.dtype.element_ty), mask=inside & is_q)
    if PAGED:
        place = tl.load(places + row)
        to_key = (place * (2 * GROUPS) + head - HEADS)[:, None] * HEAD + half[None, :]
        to_value = to_key
    else:
        place = tl.load(places + token)
        to_key = ((text * GROUPS + head - HEADS) * PLACES + place)[:, None] * HEAD + half[None, :]
        to_value = to_key - GROUPS * PLACES * HEAD
    there = inside & ((place >= 0) & ((place < PLACES) | (PLACES == 0)))[:, None]
    is_k = (head >= HEADS) & (head < HEADS + GROUPS)
    tl.store(keys + to_key, one.to(kind), mask=there & is_k)
    tl.store(keys + to_key + HALF, other.to(kind), mask=there & is_k)
    tl.store(values + to_value, one.to(kind), mask=there & is_v)
    tl.store(values + to_value + HALF, other.to(kind), mask=there & is_v)


@triton.jit
def qkv(
    x, weight, scales, bias, norm_weight, norm_bias, q_norm, k_norm, cosine, sine, places, q, keys, values, partial, counters,
    ROWS: tl.constexpr, DEPTH: tl.constexpr, TOKENS: tl.constexpr, HEADS: tl.constexpr, GROUPS: tl.constexpr,
    HEAD: tl.constexpr, PLACES: tl.constexpr, TURNS: tl.constexpr, PAGED: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, SPLIT: tl.constexpr, STAGES: tl.constexpr,
    NORM: tl.constexpr, EPS: tl.constexpr, HEAD_EPS: tl.constexpr, DOT: tl.constexpr, UPCAST: tl.constexpr,
):  # fmt: skip
    PARTS: tl.constexpr = (HEAD // 2 + BLOCK_N - 1) // BLOCK_N
    head = tl.program_id(0) // PARTS
    half = tl.program_id(0) % PARTS * BLOCK_N + tl.arange(0, BLOCK_N)
    m = tl.program_id(1) * BLOCK_M + tl.arange(0, BLOCK_M)
    rows = tl.minimum(m, ROWS - 1)
    columns = head * HEAD + half
    SHARE: tl.constexpr = (DEPTH + SPLIT * BLOCK_K - 1) // (SPLIT * BLOCK_K) * BLOCK_K
    begin = tl.program_id(2) * SHARE
    end = tl.minimum(begin + SHARE, DEPTH)
    first, second, squares = products(
        x, weight, norm_weight, norm_bias, rows, m < ROWS, columns, columns + HEAD // 2, begin, end, ROWS % BLOCK_M == 0,
        DEPTH, BLOCK_M, BLOCK_N, BLOCK_K, STAGES, True, NORM, EPS, DOT, UPCAST,
    )  # fmt: skip
    if SPLIT == 1:
        stored(
            first, second, squares, scales, bias, q_norm, k_norm, cosine, sine, places, q, keys, values, m, head, half,
            ROWS, DEPTH, TOKENS, HEADS, GROUPS, HEAD, PLACES, TURNS, PAGED, NORM, EPS, HEAD_EPS,
        )  # fmt: skip
    else:
        tile = tl.program_id(1) * tl.num_programs(0) + tl.program_id(0)
        leave(partial, tile * SPLIT + tl.program_id(2), first, second, squares, BLOCK_M, BLOCK_N, True, NORM)
        tl.debug_barrier()
        if tl.atomic_add(counters + tile, 1, sem="acq_rel") == SPLIT - 1:
            first, second, squares = collected(partial, tile * SPLIT, SPLIT, BLOCK_M, BLOCK_N, True, NORM)
            stored(
                first, second, squares, scales, bias, q_norm, k_norm, cosine, sine, places, q, keys, values, m, head, half,
                ROWS, DEPTH, TOKENS, HEADS, GROUPS, HEAD, PLACES, TURNS, PAGED, NORM, EPS, HEAD_EPS,
            )  # fmt: skip
            tl.store(counters + tile, 0)
