"""What the kernels around a matrix product share: the products themselves, activations, and sums over splits.

x [rows, DEPTH] and weight [columns, DEPTH] lie one row after another. A program has one tile of the result, [BLOCK_M, BLOCK_N],
or two of different columns (`PAIR`): a gate and what it lets through, or the two halves that rotary positions turn.
"""

import triton
import triton.language as tl


@triton.jit
def activated(x, ACTIVATION: tl.constexpr):
    if ACTIVATION == "silu":
        x = x * tl.sigmoid(x)
    elif ACTIVATION == "relu":
        x = tl.maximum(x, 0.0)
    elif ACTIVATION == "gelu":
        x = 0.5 * x * (1.0 + tl.erf(x * 0.7071067811865476))
    elif ACTIVATION == "gelu_tanh":
        # tanh(z) is 2 sigmoid(2 z) - 1, so half of 1 + tanh(z) is sigmoid(2 z).
        x = x * tl.sigmoid(1.5957691216057308 * (x + 0.044715 * x * x * x))
    return x


@triton.jit
def summed(x, other, at, inside):
    """x, or where there is another its sum with that, rounded as x is."""
    found = tl.load(x + at, mask=inside, other=0.0)
    if other is not None:
        found = (found.to(tl.float32) + tl.load(other + at, mask=inside, other=0.0).to(tl.float32)).to(found.dtype)
    return found.to(tl.float32)


@triton.jit
def statistics(x, other, rows, DEPTH: tl.constexpr, BLOCK_K: tl.constexpr, CENTERED: tl.constexpr):
    """Mean (0 unless `CENTERED`) and mean of squares about it, of each row of x, or of its sum with another."""
    mean = tl.zeros(rows.shape, tl.float32)
    if CENTERED:
        for at in range(0, DEPTH, BLOCK_K):
            place = at + tl.arange(0, BLOCK_K)
            mean += tl.sum(summed(x, other, rows[:, None] * DEPTH + place[None, :], place[None, :] < DEPTH), 1)
        mean = mean / DEPTH
    squares = tl.zeros(rows.shape, tl.float32)
    for at in range(0, DEPTH, BLOCK_K):
        place = at + tl.arange(0, BLOCK_K)
        inside = place[None, :] < DEPTH
        part = summed(x, other, rows[:, None] * DEPTH + place[None, :], inside)
        part = tl.where(inside, part - mean[:, None], 0.0)
        squares += tl.sum(part * part, 1)
    return mean, squares / DEPTH


@triton.jit
def weights(weight, columns, place, end, DEPTH: tl.constexpr, EVEN: tl.constexpr, DOT: tl.constexpr):
    """A tile of the weight as its kind of product wants it: [BLOCK_K, BLOCK_N] for tensor cores, else [BLOCK_N, BLOCK_K]."""
    if DOT:
        at = weight + columns[None, :] * DEPTH + place[:, None]
        inside = place[:, None] < end
    else:
        at = weight + columns[:, None] * DEPTH + place[None, :]
        inside = place[None, :] < end
    # A weight is read once a step: it should not push out what is read again.
    if EVEN:
        tile = tl.load(at, eviction_policy="evict_first")
    else:
        tile = tl.load(at, mask=inside, other=0.0, eviction_policy="evict_first")
    return tile


@triton.jit
def added(total, x, tile, DOT: tl.constexpr, UPCAST: tl.constexpr):
    """`total` and the products of `x` [BLOCK_M, BLOCK_K] with a tile; not `DOT`, they are [BLOCK_M, BLOCK_N, BLOCK_K], unsummed."""
    if DOT:
        if UPCAST:
            total = tl.dot(x.to(tl.float32), tile.to(tl.float32), total, input_precision="ieee")
        else:
            total = tl.dot(x, tile.to(x.dtype), total, input_precision="ieee")
    else:
        total += x.to(tl.float32)[:, None, :] * tile.to(tl.float32)[None, :, :]
    return total


@triton.jit
def squares_of(x, rows, there, begin, end, DEPTH: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_K: tl.constexpr):
    """Sum of squares of each row from `begin` to `end`."""
    squared = tl.zeros((BLOCK_M, BLOCK_K), tl.float32)
    for at in range(begin, end, BLOCK_K):
        place = at + tl.arange(0, BLOCK_K)
        inside = there[:, None] & (place < end)[None, :]
        part = tl.load(x + rows[:, None] * DEPTH + place[None, :], mask=inside, other=0.0).to(tl.float32)
        squared += part * part
    return tl.sum(squared, 1)


@triton.jit
def products(
    x,
    weight,
    norm_weight,
    norm_bias,
    rows,
    there,
    columns,
    others,
    begin,
    end,
    WHOLE: tl.constexpr,
    DEPTH: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
    STAGES: tl.constexpr,
    PAIR: tl.constexpr,
    NORM: tl.constexpr,
    EPS: tl.constexpr,
    DOT: tl.constexpr,
    UPCAST: tl.constexpr,
):
    """Tiles of `columns` and, for a `PAIR`, of `others` over DEPTH from `begin` to `end`; and sums of squares of the rows.

    Rows that are not `there`, unless they all are (`WHOLE`), are zeros. NORM: "late" multiplies by a norm's weight only, its scale
    is applied to the result, from the squares; "rms" and "layer"
    normalize the rows before, which reads them twice, but cannot overflow a half.
    """
    EVEN: tl.constexpr = DEPTH % BLOCK_K == 0
    if NORM == "rms" or NORM == "layer":
        mean, variance = statistics(x, None, rows, DEPTH, BLOCK_K, NORM == "layer")
        scale = tl.rsqrt(variance + EPS)
    if DOT:
        first = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    else:
        first = tl.zeros((BLOCK_M, BLOCK_N, BLOCK_K), tl.float32)
    second = first
    if NORM == "late" and DOT:
        # By themselves: what tensor cores are given should not pass through registers on its way.
        squares = squares_of(x, rows, there, begin, end, DEPTH, BLOCK_M, 2048 // BLOCK_M)
    # Summed at the end: a sum over a row is a meeting of all threads.
    squared = tl.zeros((BLOCK_M, BLOCK_K), tl.float32)
    for at in tl.range(begin, end, BLOCK_K, num_stages=STAGES):
        place = at + tl.arange(0, BLOCK_K)
        inside = place < end
        at_x = x + rows[:, None] * DEPTH + place[None, :]
        if EVEN and WHOLE:
            part = tl.load(at_x, eviction_policy="evict_last")
        elif EVEN:
            # Not the last row again in their place: a line that everybody asks for is waited for.
            part = tl.load(at_x, mask=there[:, None], other=0.0, eviction_policy="evict_last")
        else:
            part = tl.load(at_x, mask=there[:, None] & inside[None, :], other=0.0)
        if NORM != "none" and (not DOT or NORM != "late" or norm_weight is not None):
            wide = part.to(tl.float32)
            if NORM == "late":
                if not DOT:
                    squared += wide * wide
            else:
                wide = (wide - mean[:, None]) * scale[:, None]
            if norm_weight is not None:
                wide *= tl.load(norm_weight + place, mask=inside, other=0.0).to(tl.float32)[None, :]
            if NORM == "layer":
                wide += tl.load(norm_bias + place, mask=inside, other=0.0).to(tl.float32)[None, :]
            if NORM != "late" or norm_weight is not None:
                part = wide.to(part.dtype) if DOT else wide
        first = added(first, part, weights(weight, columns, place, end, DEPTH, EVEN, DOT), DOT, UPCAST)
        if PAIR:
            second = added(second, part, weights(weight, others, place, end, DEPTH, EVEN, DOT), DOT, UPCAST)
    if not DOT:
        first = tl.sum(first, 2)
        if PAIR:
            second = tl.sum(second, 2)
        else:
            second = first
    if not DOT or NORM != "late":
        squares = tl.sum(squared, 1)
    return first, second, squares


@triton.jit
def leave(
    partial,
    slot,
    first,
    second,
    squares,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    PAIR: tl.constexpr,
    NORM: tl.constexpr,
):
    """A split's part of the sums, for the split that comes last."""
    SIZE: tl.constexpr = BLOCK_M * BLOCK_N
    m, n = tl.arange(0, BLOCK_M), tl.arange(0, BLOCK_N)
    at = partial + slot * (SIZE * (1 + PAIR) + BLOCK_M)
    inner = m[:, None] * BLOCK_N + n[None, :]
    tl.store(at + inner, first)
    if PAIR:
        tl.store(at + SIZE + inner, second)
    if NORM == "late":
        tl.store(at + SIZE * (1 + PAIR) + m, squares)


@triton.jit
def collected(
    partial,
    slot,
    SPLIT: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    PAIR: tl.constexpr,
    NORM: tl.constexpr,
):
    """The sums of all splits from `slot` on, added in their order whoever came last: the same bits in every run."""
    SIZE: tl.constexpr = BLOCK_M * BLOCK_N
    m, n = tl.arange(0, BLOCK_M), tl.arange(0, BLOCK_N)
    inner = m[:, None] * BLOCK_N + n[None, :]
    first = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    second = first
    squares = tl.zeros((BLOCK_M,), tl.float32)
    for split in range(SPLIT):
        at = partial + (slot + split) * (SIZE * (1 + PAIR) + BLOCK_M)
        # Written by other multiprocessors: read past this one's first-level cache.
        first += tl.load(at + inner, cache_modifier=".cg")
        if PAIR:
            second += tl.load(at + SIZE + inner, cache_modifier=".cg")
        if NORM == "late":
            squares += tl.load(at + SIZE * (1 + PAIR) + m, cache_modifier=".cg")
    return first, second, squares
