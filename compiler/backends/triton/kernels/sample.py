"""Draws a token for each row of logits [ROWS, VOCABULARY], decided by a given uniform number: temperature, then top-k, then top-p.

No sort. All programs of a row find out together which few logits the cuts can keep at all, and one looks at these alone:

    peaks    [ROWS, TILES]   the largest logit of each tile
    weigh    [ROWS, TILES]   how many logits lie how far below the row's largest, in bins, and what they weigh
    gather   [ROWS, TILES]   the logits of the bins that the cuts can keep, one after another in the vocabulary's order
    draw     [ROWS]          the cuts, exactly, and the token

What is kept is everything above a border, and of what equals it the first few. The border is found on numbers whose order as
integers is that of the logits, by asking for many candidates at once how much lies above each. Counts are added by atomics, which
come to the same in any order; all sums of weights are in a fixed order.

A row that is not finite, or has nothing left to draw, gets -1.
"""

import triton
import triton.language as tl


@triton.jit
def peaks(logits, tops, places, VOCABULARY: tl.constexpr, TILES: tl.constexpr, BLOCK: tl.constexpr):
    """Of each tile: its largest logit and the first place of that."""
    row, tile = tl.program_id(0), tl.program_id(1)
    index = tile * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(logits + row.to(tl.int64) * VOCABULARY + index, mask=index < VOCABULARY, other=float("-inf"))
    x = x.to(tl.float32)
    # A number that is none must not be lost among those that are.
    top = tl.where(tl.max((x != x).to(tl.int32), 0) > 0, float("nan"), tl.max(x, 0))
    at = row * TILES + tile
    tl.store(tops + at, top)
    tl.store(places + at, tl.min(tl.where(x == top, index, VOCABULARY), 0))


@triton.jit
def highest(tops, row, TILES: tl.constexpr, TILES_ABOVE: tl.constexpr):
    """The largest logit of a row; not a number where one of them is none."""
    t = tl.arange(0, TILES_ABOVE)
    each = tl.load(tops + row * TILES + t, mask=t < TILES, other=float("-inf"))
    return tl.where(tl.max((each != each).to(tl.int32), 0) > 0, float("nan"), tl.max(each, 0))


@triton.jit
def depth(x, top, heat):
    """How far below `top`, in units of the temperature: the weight is exp of minus that."""
    return (top - x) * (1.0 / heat)


@triton.jit
def bins(below, REACH: tl.constexpr, BINS: tl.constexpr):
    """Narrow ones near the top; the last is for what weighs nothing. Every step is rounded exactly, so the order stays."""
    found = (tl.sqrt_rn(tl.maximum(below, 0.0) * (1.0 / REACH)) * (BINS - 1)).to(tl.int32)
    return tl.where(below < REACH, tl.minimum(found, BINS - 2), BINS - 1)


@triton.jit
def edge(number, REACH: tl.constexpr, BINS: tl.constexpr):
    """At least how far below the top everything in bin `number` is, and a little more than rounding could make of it."""
    share = (number + 1).to(tl.float32) / (BINS - 1)
    return share * share * (REACH * 1.0001) + 1e-6


@triton.jit
def weigh(
    logits, temperature, tops, masses, counts, histogram,
    VOCABULARY: tl.constexpr, TILES: tl.constexpr, TILES_ABOVE: tl.constexpr, BLOCK: tl.constexpr, REACH: tl.constexpr,
    BINS: tl.constexpr,
):  # fmt: skip
    """Of each tile the weight, and how many of its logits are in each bin or a higher one; `histogram` [ROWS, BINS] is of all."""
    row, tile = tl.program_id(0), tl.program_id(1)
    heat = tl.load(temperature + row)
    top = highest(tops, row, TILES, TILES_ABOVE)
    if (heat >= 1e-5) & (tl.abs(top) < float("inf")):
        index = tile * BLOCK + tl.arange(0, BLOCK)
        x = tl.load(logits + row.to(tl.int64) * VOCABULARY + index, mask=index < VOCABULARY, other=float("-inf"))
        below = depth(x.to(tl.float32), top, heat)
        tl.store(masses + row * TILES + tile, tl.sum(tl.exp(-below), 0))
        number = tl.arange(0, BINS)
        found = tl.histogram(bins(below, REACH, BINS), BINS)
        found = tl.where(number < BINS - 1, found, 0)
        tl.atomic_add(histogram + row * BINS + number, found, mask=found > 0, sem="relaxed")
        tl.store(counts + (row * TILES + tile) * BINS + number, tl.cumsum(found, 0).to(tl.int16))


@triton.jit
def total_of(masses, row, TILES: tl.constexpr, TILES_ABOVE: tl.constexpr):
    """What all logits of a row weigh."""
    t = tl.arange(0, TILES_ABOVE)
    return tl.sum(tl.load(masses + row * TILES + t, mask=t < TILES, other=0.0), 0)


@triton.jit
def gather(
    logits, temperature, top_k, top_p, tops, masses, counts, histogram, values, indices, kept, lowest,
    VOCABULARY: tl.constexpr, TILES: tl.constexpr, TILES_ABOVE: tl.constexpr, BLOCK: tl.constexpr, REACH: tl.constexpr,
    BINS: tl.constexpr,
):  # fmt: skip
    """The logits that the cuts can keep, and a few more: `kept` of them in the row, all with keys above `lowest`."""
    row, tile = tl.program_id(0), tl.program_id(1)
    heat, k, p = tl.load(temperature + row), tl.load(top_k + row), tl.load(top_p + row)
    top = highest(tops, row, TILES, TILES_ABOVE)
    by_count = (k > 0) & (k < VOCABULARY)
    if (heat >= 1e-5) & (tl.abs(top) < float("inf")) & (by_count | (p < 1.0)):
        number = tl.arange(0, BINS)
        found = tl.load(histogram + row * BINS + number)
        if by_count:
            enough = tl.cumsum(found, 0) >= k
        else:
            # What a bin weighs at least; the sum is a little more than asked for, against rounding.
            light = tl.cumsum(found.to(tl.float32) * tl.exp(-edge(number, REACH, BINS)), 0)
            enough = light >= p * total_of(masses, row, TILES, TILES_ABOVE) * 1.001
        bound = tl.min(tl.where(enough, number, BINS - 2), 0)
        t = tl.arange(0, TILES_ABOVE)
        each = tl.load(counts + (row * TILES + t) * BINS + bound, mask=t < TILES, other=0).to(tl.int32)
        index = tile * BLOCK + tl.arange(0, BLOCK)
        x = tl.load(logits + row.to(tl.int64) * VOCABULARY + index, mask=index < VOCABULARY, other=float("-inf"))
        x = x.to(tl.float32)
        taken = bins(depth(x, top, heat), REACH, BINS) <= bound
        place = tl.sum(tl.where(t < tile, each, 0), 0) + tl.cumsum(taken.to(tl.int32), 0) - 1
        to = row.to(tl.int64) * VOCABULARY + place
        tl.store(values + to, x, mask=taken)
        tl.store(indices + to, index, mask=taken)
        if tile == 0:
            tl.store(kept + row, tl.sum(each, 0))
            tl.store(lowest + row, key_of(top - edge(bound, REACH, BINS) * heat) - 1)


@triton.jit
def ordered(bits):
    """From the bits of a float to an integer of the same order, and back."""
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


@triton.jit
def key_of(x):
    return ordered(x.to(tl.int32, bitcast=True))


@triton.jit
def value_of(key):
    return ordered(key).to(tl.float32, bitcast=True)


@triton.jit
def border(
    values, count, top, heat, low, wanted, BY_MASS: tl.constexpr, BLOCK: tl.constexpr, WAYS: tl.constexpr,
):  # fmt: skip
    """The largest key such that what has it or a larger one counts, or weighs, `wanted`; and count and weight above it.

    It is `low` where all of them do not.
    """
    way = tl.arange(0, WAYS)
    low = low.to(tl.int64)
    high = key_of(top).to(tl.int64) + 1
    count_above = 0.0
    mass_above = 0.0
    while high - low > 1:
        step = (high - low + WAYS) // (WAYS + 1)
        asked = tl.minimum(low + step * (way + 1).to(tl.int64), high)
        counts = tl.zeros((WAYS,), tl.float32)
        weights = tl.zeros((WAYS,), tl.float32)
        for start in range(0, count, BLOCK):
            at = start + tl.arange(0, BLOCK)
            x = tl.load(values + at, mask=at < count, other=float("-inf"))
            over = key_of(x).to(tl.int64)[:, None] >= asked[None, :]
            counts += tl.sum(over.to(tl.float32), 0)
            weights += tl.sum(tl.where(over, tl.exp(-depth(x, top, heat))[:, None], 0.0), 0)
        if BY_MASS:
            enough = (weights >= wanted) & (asked < high)
        else:
            enough = (counts >= wanted) & (asked < high)
        passed = tl.sum(enough.to(tl.int32), 0)
        if passed < WAYS:
            count_above = tl.sum(tl.where(way == passed, counts, 0.0), 0)
            mass_above = tl.sum(tl.where(way == passed, weights, 0.0), 0)
        high = tl.minimum(high, low + step * (passed + 1).to(tl.int64))
        low = low + step * passed.to(tl.int64)
    return low.to(tl.int32), count_above, mass_above


@triton.jit
def among(values, indices, count, top, heat, least, room, target, VOCABULARY: tl.constexpr, BLOCK: tl.constexpr):
    """The first token up to which what is above `least`, and `room` of what equals it, weighs more than `target`; where rounding
    leaves the target beyond all of them, the last."""
    run = 0.0
    ties = 0.0
    found = VOCABULARY
    last = -1
    for start in range(0, count, BLOCK):
        if found == VOCABULARY:
            at = start + tl.arange(0, BLOCK)
            x = tl.load(values + at, mask=at < count, other=float("-inf"))
            index = tl.load(indices + at, mask=at < count, other=VOCABULARY)
            key = key_of(x)
            tie = (key == least).to(tl.float32)
            stays = (key > least) | ((key == least) & (ties + tl.cumsum(tie, 0) <= room))
            weight = tl.where(stays, tl.exp(-depth(x, top, heat)), 0.0)
            hit = (weight > 0.0) & (run + tl.cumsum(weight, 0) > target)
            found = tl.min(tl.where(hit, index, VOCABULARY), 0)
            last = tl.maximum(last, tl.max(tl.where(weight > 0.0, index, -1), 0))
            run += tl.sum(weight, 0)
            ties += tl.sum(tie, 0)
    return tl.where(found == VOCABULARY, last, found)


@triton.jit
def of_few(
    values, indices, count, total, k, p, share, top, heat,
    VOCABULARY: tl.constexpr, FEW: tl.constexpr,
):  # fmt: skip
    """The token among no more than `FEW` logits of a row that weighs `total`: each is compared with each, in one go."""
    at = tl.arange(0, FEW)
    there = at < count
    x = tl.load(values + at, mask=there, other=float("-inf"))
    index = tl.load(indices + at, mask=there, other=VOCABULARY)
    # [of those before it, itself]: what is larger, and of equals the earlier.
    before = (x[:, None] > x[None, :]) | ((x[:, None] == x[None, :]) & (at[:, None] < at[None, :]))
    stays = there & (tl.sum(before.to(tl.int32), 0) < k)
    weight = tl.where(stays, tl.exp(-depth(x, top, heat)), 0.0)
    if p < 1.0:
        mass_before = tl.sum(tl.where(before, weight[:, None], 0.0), 0)
        # Without a cut by count, what is kept is a part of all, and not of what is looked at here.
        whole = tl.where(count >= k, tl.sum(weight, 0), total)
        weight = tl.where(mass_before < tl.maximum(p * whole, 1e-30), weight, 0.0)
    hit = (weight > 0.0) & (tl.cumsum(weight, 0) > share * tl.sum(weight, 0))
    found = tl.min(tl.where(hit, index, VOCABULARY), 0)
    return tl.where(found == VOCABULARY, tl.max(tl.where(weight > 0.0, index, -1), 0), found)


@triton.jit
def of_many(
    values, indices, count, low, total, k, p, share, top, heat,
    VOCABULARY: tl.constexpr, BLOCK: tl.constexpr, WAYS: tl.constexpr,
):  # fmt: skip
    """The token among `count` logits that weigh `total`, all with keys above `low`."""
    least = low
    room = VOCABULARY * 1.0
    if count >= k:
        least, above, mass_above = border(values, count, top, heat, low, k.to(tl.float32), False, BLOCK, WAYS)
        room = k - above
        total = mass_above + room * tl.exp(-depth(value_of(least), top, heat))
    if p < 1.0:
        wanted = tl.maximum(p * total, 1e-30)
        least_of_p, above, mass_above = border(values, count, top, heat, least, wanted, True, BLOCK, WAYS)
        if least_of_p > low:
            each = tl.exp(-depth(value_of(least_of_p), top, heat))
            room_of_p = tl.maximum(tl.ceil((wanted - mass_above) / each), 1.0)
            room = tl.where(least_of_p == least, tl.minimum(room, room_of_p), room_of_p)
            least = least_of_p
            total = mass_above + room * each
    return among(values, indices, count, top, heat, least, room, share * total, VOCABULARY, BLOCK)


@triton.jit
def draw(
    logits, temperature, top_k, top_p, uniform, tops, places, masses, histogram, values, indices, kept, lowest, tokens,
    VOCABULARY: tl.constexpr, TILES: tl.constexpr, TILES_ABOVE: tl.constexpr, BLOCK: tl.constexpr, BINS: tl.constexpr,
    WAYS: tl.constexpr, FEW: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0)
    t = tl.arange(0, TILES_ABOVE)
    tile_top = tl.load(tops + row * TILES + t, mask=t < TILES, other=float("-inf"))
    top = highest(tops, row, TILES, TILES_ABOVE)
    heat = tl.load(temperature + row)
    first = tl.load(places + row * TILES + t, mask=t < TILES, other=VOCABULARY)
    token = tl.min(tl.where(tile_top == top, first, VOCABULARY), 0)
    if tl.abs(top) < float("inf"):
        if heat >= 1e-5:
            k, p, share = tl.load(top_k + row), tl.load(top_p + row), tl.load(uniform + row)
            by_count = (k > 0) & (k < VOCABULARY)
            # How many are to be kept at most.
            wanted = tl.where(by_count, k, VOCABULARY)
            mass = tl.load(masses + row * TILES + t, mask=t < TILES, other=0.0)
            total = tl.sum(mass, 0)
            if by_count | (p < 1.0):
                values += row.to(tl.int64) * VOCABULARY
                indices += row.to(tl.int64) * VOCABULARY
                count, low = tl.load(kept + row), tl.load(lowest + row)
                if count <= FEW:
                    token = of_few(values, indices, count, total, wanted, p, share, top, heat, VOCABULARY, FEW)
                else:
                    token = of_many(
                        values, indices, count, low, total, wanted, p, share, top, heat, VOCABULARY, BLOCK, WAYS
                    )
            else:
                # Nothing is cut: the tile that the number falls into, and in it the token.
                before = tl.cumsum(mass, 0) - mass
                tile = tl.max(tl.where((before <= share * total) & (mass > 0.0), t, 0), 0)
                rest = share * total - tl.sum(tl.where(t == tile, before, 0.0), 0)
                index = tile * BLOCK + tl.arange(0, BLOCK)
                at = logits + row.to(tl.int64) * VOCABULARY + index
                x = tl.load(at, mask=index < VOCABULARY, other=float("-inf")).to(tl.float32)
                weight = tl.exp(-depth(x, top, heat))
                hit = (weight > 0.0) & (tl.cumsum(weight, 0) > rest)
                found = tl.min(tl.where(hit, index, VOCABULARY), 0)
                token = tl.where(found == VOCABULARY, tl.max(tl.where(weight > 0.0, index, -1), 0), found)
    else:
        token = -1
    tl.store(tokens + row, token.to(tl.int64))
    # As the next launch of `weigh` expects to find it.
    number = tl.arange(0, BINS)
    tl.store(histogram + row * BINS + number, tl.zeros((BINS,), tl.int32))
