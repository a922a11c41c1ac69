"""Attention of few new tokens over a cache, split along its places: no place beyond a token's own is read.

q [texts, HEADS, TOKENS, HEAD]. The cache is [texts, GROUPS, PLACES, HEAD] with the position of each token in `reach`, or with
`PAGED` [pages, PAGE, 2 GROUPS, HEAD] with `table` [texts, PAGES] and the number of tokens of each text, the new ones included, in
`reach`. A program has BLOCK_Q tokens' rows of one head of keys (token * heads that share it + head) and one split; the split that
comes last puts all together, in their order.

Programs: [texts * GROUPS, splits, tiles of tokens].
"""

import triton
import triton.language as tl

from compiler.backends.triton.kernels.glance import glance, settled


@triton.jit
def combined(partial, slot, SPLIT: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_D: tl.constexpr):
    """Weighted means [BLOCK_R, BLOCK_D] of all splits from `slot` on."""
    r, d = tl.arange(0, BLOCK_R), tl.arange(0, BLOCK_D)
    top = tl.full((BLOCK_R,), float("-inf"), tl.float32)
    total = tl.zeros((BLOCK_R,), tl.float32)
    mixed = tl.zeros((BLOCK_R, BLOCK_D), tl.float32)
    for split in range(SPLIT):
        at = partial + (slot + split) * (BLOCK_R * (BLOCK_D + 2))
        its_top = tl.load(at + r, cache_modifier=".cg")
        # A split that had nothing to see has a top of minus infinity, and counts for nothing.
        higher = tl.maximum(top, its_top)
        ours = tl.where(top == float("-inf"), 0.0, tl.exp2(top - higher))
        its = tl.where(its_top == float("-inf"), 0.0, tl.exp2(its_top - higher))
        total = total * ours + tl.load(at + BLOCK_R + r, cache_modifier=".cg") * its
        part = tl.load(at + 2 * BLOCK_R + r[:, None] * BLOCK_D + d[None, :], cache_modifier=".cg")
        mixed = mixed * ours[:, None] + part * its[:, None]
        top = higher
    return settled(mixed, total)


@triton.jit
def attention(
    q, keys, values, table, reach, out, partial, counters,
    TOKENS: tl.constexpr, HEADS: tl.constexpr, GROUPS: tl.constexpr, HEAD: tl.constexpr, PLACES: tl.constexpr,
    PAGED: tl.constexpr, PAGE: tl.constexpr, PAGES: tl.constexpr, WINDOW: tl.constexpr, BY_TOKEN: tl.constexpr,
    SCALE: tl.constexpr, BLOCK_Q: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_P: tl.constexpr,
    SPLIT: tl.constexpr, STAGES: tl.constexpr, UPCAST: tl.constexpr,
):  # fmt: skip
    SHARE: tl.constexpr = HEADS // GROUPS
    text, group = tl.program_id(0) // GROUPS, tl.program_id(0) % GROUPS
    r, d = tl.arange(0, BLOCK_R), tl.arange(0, BLOCK_D)
    mine = tl.program_id(2) * BLOCK_Q + r // SHARE
    token = tl.minimum(mine, TOKENS - 1)
    head = group * SHARE + r % SHARE
    inside = ((r < BLOCK_Q * SHARE) & (mine < TOKENS))[:, None] & (d < HEAD)[None, :]
    if PAGED:
        last = tl.load(reach + text).to(tl.int32) - TOKENS + token
        row = table + text * PAGES
        STRIDE: tl.constexpr = 2 * GROUPS * HEAD
        # The same cache, of which values are the second half of each line.
        keys += group * HEAD
        values += (GROUPS + group) * HEAD
    else:
        last = tl.load(reach + token).to(tl.int32)
        row = table
        STRIDE: tl.constexpr = HEAD
        keys += (text * GROUPS + group).to(tl.int64) * PLACES * HEAD
        values += (text * GROUPS + group).to(tl.int64) * PLACES * HEAD
    asked = tl.load(q + ((text * HEADS + head) * TOKENS + token)[:, None] * HEAD + d[None, :], mask=inside, other=0.0)
    # The places that any row sees, dealt out to the splits in whole tiles.
    final = tl.minimum(tl.max(last, 0) + 1, PLACES)
    start = 0
    if WINDOW > 0:
        start = tl.maximum(tl.min(last, 0) - WINDOW + 1, 0) // BLOCK_P * BLOCK_P
    each = tl.cdiv(tl.cdiv(final - start, BLOCK_P), SPLIT) * BLOCK_P
    begin = start + tl.program_id(1) * each
    end = tl.minimum(begin + each, final)
    top, total, mixed = glance(
        asked, keys, values, row, begin, end, last - WINDOW + 1, last, STRIDE, PAGED, PAGE, WINDOW > 0,
        SCALE, HEAD, BLOCK_R, BLOCK_D, BLOCK_P, STAGES, UPCAST,
    )  # fmt: skip
    if BY_TOKEN:
        to = ((text * TOKENS + token) * HEADS + head)[:, None] * HEAD + d[None, :]
    else:
        to = ((text * HEADS + head) * TOKENS + token)[:, None] * HEAD + d[None, :]
    if SPLIT == 1:
        tl.store(out + to, settled(mixed, total).to(out.dtype.element_ty), mask=inside)
    else:
        tile = tl.program_id(2) * tl.num_programs(0) + tl.program_id(0)
        slot = tile * SPLIT
        ours = partial + (slot + tl.program_id(1)) * (BLOCK_R * (BLOCK_D + 2))
        tl.store(ours + r, top)
        tl.store(ours + BLOCK_R + r, total)
        tl.store(ours + 2 * BLOCK_R + r[:, None] * BLOCK_D + d[None, :], mixed)
        tl.debug_barrier()
        if tl.atomic_add(counters + tile, 1, sem="acq_rel") == SPLIT - 1:
            found = combined(partial, slot, SPLIT, BLOCK_R, BLOCK_D)
            tl.store(out + to, found.to(out.dtype.element_ty), mask=inside)
            tl.store(counters + tile, 0)
