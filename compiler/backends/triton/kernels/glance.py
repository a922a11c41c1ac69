"""What all attention shares: rows of queries look at places, a tile of them at a time, and each keeps a mean of what it saw.

The softmax is taken on the way (Milakov and Gimelshein, arXiv 1805.02867): weights are relative to the largest score so far.
"""

import triton
import triton.language as tl


@triton.jit
def settled(mixed, total):
    """The means of what was seen; of who saw nothing zeros."""
    return mixed / tl.where(total > 0.0, total, 1.0)[:, None]


@triton.jit
def glance(
    asked, keys, values, row, begin, end, first, last,
    STRIDE: tl.constexpr, PAGED: tl.constexpr, PAGE: tl.constexpr, BOUNDED: tl.constexpr, SCALE: tl.constexpr,
    HEAD: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_P: tl.constexpr, STAGES: tl.constexpr,
    UPCAST: tl.constexpr,
):  # fmt: skip
    """Of `asked` [BLOCK_R, BLOCK_D] over the places from `begin` to before `end`, a place's key STRIDE after the one's before, or
    with `PAGED` in the pages that `row` names. A row sees those up to `last`, `BOUNDED` from `first` on.

    The largest scores in powers of 2, the sums of weights relative to these, and the sums of what they weigh.
    """
    d = tl.arange(0, BLOCK_D)
    if UPCAST:
        asked = asked.to(tl.float32)
    top = tl.full((BLOCK_R,), float("-inf"), tl.float32)
    total = tl.zeros((BLOCK_R,), tl.float32)
    mixed = tl.zeros((BLOCK_R, BLOCK_D), tl.float32)
    # Counted from 0: of a loop that begins at a number found by a reduction Triton takes no pointer for aligned.
    for tile in tl.range(0, tl.cdiv(end - begin, BLOCK_P), num_stages=STAGES):
        place = begin + tile * BLOCK_P + tl.arange(0, BLOCK_P)
        there = place < end
        if PAGED:
            page = tl.load(row + place // PAGE, mask=there, other=0).to(tl.int64)
            line = (page * PAGE + place % PAGE) * STRIDE
        else:
            line = place.to(tl.int64) * STRIDE
        # Keys lie [places, HEAD] and are asked for as [HEAD, places]; nothing is moved for that.
        k = tl.load(keys + line[None, :] + d[:, None], mask=there[None, :] & (d < HEAD)[:, None], other=0.0)
        v = tl.load(values + line[:, None] + d[None, :], mask=there[:, None] & (d < HEAD)[None, :], other=0.0)
        if UPCAST:
            k, v = k.to(tl.float32), v.to(tl.float32)
        scores = tl.dot(asked, k, input_precision="ieee") * (SCALE * 1.4426950408889634)
        seen = there[None, :] & (place[None, :] <= last[:, None])
        if BOUNDED:
            seen = seen & (place[None, :] >= first[:, None])
        scores = tl.where(seen, scores, float("-inf"))
        higher = tl.maximum(top, tl.max(scores, 1))
        base = tl.where(higher == float("-inf"), 0.0, higher)
        weights = tl.exp2(scores - base[:, None])
        before = tl.exp2(top - base)
        total = total * before + tl.sum(weights, 1)
        mixed = tl.dot(weights.to(v.dtype), v, mixed * before[:, None], input_precision="ieee")
        top = higher
    return top, total, mixed
