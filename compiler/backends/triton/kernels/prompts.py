"""Attention of a step's tokens over pages, those of a prompt's piece together.

q [TOKENS, HEADS, HEAD]; the cache [pages, PAGE, 2 GROUPS, HEAD], `table` [TOKENS, PAGES], `lengths` and `pieces` [TOKENS]. A token
sees the places before its length. Those that follow each other and name the same row in `pieces` are of one prompt, and its pages
are that row's; who names none, below 0, attends alone. A program has BLOCK_Q tokens and the heads that share one head of keys; of
the first LONE tokens, those that attend alone have programs of their own, for answers stand before prompts.

Programs: [LONE + tiles of tokens, GROUPS].
"""

import triton
import triton.language as tl

from compiler.backends.triton.kernels.glance import glance, settled


@triton.jit
def attend(
    q, keys, values, table, lengths, out, at, count, whose, group,
    HEADS: tl.constexpr, GROUPS: tl.constexpr, HEAD: tl.constexpr, PAGE: tl.constexpr, PAGES: tl.constexpr,
    WINDOW: tl.constexpr, SCALE: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_P: tl.constexpr,
    STAGES: tl.constexpr, UPCAST: tl.constexpr,
):  # fmt: skip
    """The tokens from `at` on, `count` of them, over the pages of row `whose`."""
    SHARE: tl.constexpr = HEADS // GROUPS
    r, d = tl.arange(0, BLOCK_R), tl.arange(0, BLOCK_D)
    token = tl.minimum(at + r // SHARE, at + count - 1)
    inside = (r < count * SHARE)[:, None] & (d < HEAD)[None, :]
    place = (token * HEADS + group * SHARE + r % SHARE)[:, None] * HEAD + d[None, :]
    asked = tl.load(q + place, mask=inside, other=0.0)
    last = tl.load(lengths + token).to(tl.int32) - 1
    start = 0
    if WINDOW > 0:
        start = tl.maximum(tl.min(last, 0) - WINDOW + 1, 0) // BLOCK_P * BLOCK_P
    row = table + whose.to(tl.int64) * PAGES
    _, total, mixed = glance(
        asked, keys + group * HEAD, values + (GROUPS + group) * HEAD, row, start, tl.max(last, 0) + 1,
        last - WINDOW + 1, last, 2 * GROUPS * HEAD, True, PAGE, WINDOW > 0,
        SCALE, HEAD, BLOCK_R, BLOCK_D, BLOCK_P, STAGES, UPCAST,
    )  # fmt: skip
    tl.store(out + place, settled(mixed, total).to(out.dtype.element_ty), mask=inside)


@triton.jit
def prompts(
    q, keys, values, table, lengths, pieces, out,
    TOKENS: tl.constexpr, HEADS: tl.constexpr, GROUPS: tl.constexpr, HEAD: tl.constexpr, PAGE: tl.constexpr,
    PAGES: tl.constexpr, WINDOW: tl.constexpr, SCALE: tl.constexpr, LONE: tl.constexpr, BLOCK_Q: tl.constexpr,
    BLOCK_L: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_P: tl.constexpr, STAGES: tl.constexpr,
    UPCAST: tl.constexpr,
):  # fmt: skip
    group = tl.program_id(1)
    if tl.program_id(0) < LONE:
        at = tl.program_id(0)
        if tl.load(pieces + at) < 0:
            attend(
                q, keys, values, table, lengths, out, at, 1, at, group,
                HEADS, GROUPS, HEAD, PAGE, PAGES, WINDOW, SCALE, BLOCK_L, BLOCK_D, BLOCK_P, STAGES, UPCAST,
            )  # fmt: skip
    else:
        at = (tl.program_id(0) - LONE) * BLOCK_Q
        past = tl.minimum(at + BLOCK_Q, TOKENS)
        while at < past:
            first = tl.load(pieces + at)
            others = at + tl.arange(0, BLOCK_Q)
            same = tl.load(pieces + others, mask=others < past, other=-2) == first
            count = tl.where(first < 0, 1, tl.sum(same.to(tl.int32), 0))
            if (first >= 0) | (at >= LONE):
                attend(
                    q, keys, values, table, lengths, out, at, count, tl.where(first < 0, at, first), group,
                    HEADS, GROUPS, HEAD, PAGE, PAGES, WINDOW, SCALE, BLOCK_R, BLOCK_D, BLOCK_P, STAGES, UPCAST,
                )  # fmt: skip
            at += count
