"""Draws a token for each row of logits [ROWS, VOCABULARY], decided by a given uniform number: temperature, then top-k, then top-p.

No sort: what is kept is everything above a border, and of what equals it the first few. The border is found on numbers whose order
as integers is that of the logits, by asking for many candidates at once how much lies above each; tiles that lie below all of
them are not read. All sums are in a fixed order. `peaks` has a program for each tile, [ROWS, TILES], `draw` one for each row.

A row that is not finite, or has nothing left to draw, gets -1.
"""

import triton
import triton.language as tl


@triton.jit
def peaks(
    logits,
    temperature,
    tops,
    places,
    masses,
    VOCABULARY: tl.constexpr,
    TILES: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Of each tile: its largest logit, the first place of that, and the sum of exp((logit - largest) / temperature)."""
    row, tile = tl.program_id(0), tl.program_id(1)
    index = tile * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(logits + row.to(tl.int64) * VOCABULARY + index, mask=index < VOCABULARY, other=float("-inf"))
    x = x.to(tl.float32)
    top = tl.max(x, 0)
    base = tl.where(top == float("-inf"), 0.0, top)
    heat = tl.load(temperature + row)
    mass = tl.sum(tl.exp((x - base) / tl.where(heat >= 1e-5, heat, 1.0)), 0)
    at = row * TILES + tile
    tl.store(tops + at, top)
    tl.store(places + at, tl.min(tl.where(x == top, index, VOCABULARY), 0))
    tl.store(masses + at, mass)


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
    logits, tops, row, top, inverse, low, wanted,
    BY_MASS: tl.constexpr, VOCABULARY: tl.constexpr, TILES: tl.constexpr, BLOCK: tl.constexpr, WAYS: tl.constexpr,
):  # fmt: skip
    """The largest key such that what has it or a larger one counts, or weighs, `wanted`; and count and weight above it."""
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
        for tile in range(TILES):
            if key_of(tl.load(tops + row * TILES + tile)) > low:
                index = tile * BLOCK + tl.arange(0, BLOCK)
                at = logits + row.to(tl.int64) * VOCABULARY + index
                x = tl.load(at, mask=index < VOCABULARY, other=float("-inf")).to(tl.float32)
                over = key_of(x).to(tl.int64)[:, None] >= asked[None, :]
                counts += tl.sum(over.to(tl.float32), 0)
                weights += tl.sum(tl.where(over, tl.exp((x - top) * inverse)[:, None], 0.0), 0)
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
def draw(
    logits, temperature, top_k, top_p, uniform, tops, places, masses, tokens,
    VOCABULARY: tl.constexpr, TILES: tl.constexpr, TILES_ABOVE: tl.constexpr, BLOCK: tl.constexpr, WAYS: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0)
    t = tl.arange(0, TILES_ABOVE)
    tile_top = tl.load(tops + row * TILES + t, mask=t < TILES, other=float("-inf"))
    top = tl.max(tile_top, 0)
    heat = tl.load(temperature + row)
    warm = heat >= 1e-5
    inverse = 1.0 / tl.where(warm, heat, 1.0)
    share = tl.load(masses + row * TILES + t, mask=t < TILES, other=0.0)
    total = tl.sum(share * tl.where(tile_top == float("-inf"), 1.0, tl.exp((tile_top - top) * inverse)), 0)
    first = tl.load(places + row * TILES + t, mask=t < TILES, other=VOCABULARY)
    token = tl.min(tl.where(tile_top == top, first, VOCABULARY), 0)
    if (total > 0.0) & (total < float("inf")):
        if warm:
            # Below this, exp gives 0.
            least = key_of(top - 104.0 * heat)
            room = VOCABULARY * 1.0
            k, p = tl.load(top_k + row), tl.load(top_p + row)
            if (k > 0) & (k < VOCABULARY):
                least, count, mass = border(
                    logits, tops, row, top, inverse, least, k.to(tl.float32), False, VOCABULARY, TILES, BLOCK, WAYS
                )
                room = k - count
                total = mass + room * tl.exp((value_of(least) - top) * inverse)
            if p < 1.0:
                wanted = tl.maximum(p * total, 1e-30)
                least_of_p, count, mass = border(
                    logits, tops, row, top, inverse, least, wanted, True, VOCABULARY, TILES, BLOCK, WAYS
                )
                each = tl.exp((value_of(least_of_p) - top) * inverse)
                room_of_p = tl.maximum(tl.ceil((wanted - mass) / each), 1.0)
                room = tl.where(least_of_p == least, tl.minimum(room, room_of_p), room_of_p)
                least = least_of_p
                total = mass + room * each
            target = tl.load(uniform + row) * total
            run = 0.0
            ties = 0.0
            found = VOCABULARY
            last = -1
            for tile in range(TILES):
                if (found == VOCABULARY) & (key_of(tl.load(tops + row * TILES + tile)) >= least):
                    index = tile * BLOCK + tl.arange(0, BLOCK)
                    at = logits + row.to(tl.int64) * VOCABULARY + index
                    x = tl.load(at, mask=index < VOCABULARY, other=float("-inf")).to(tl.float32)
                    key = key_of(x)
                    tie = (key == least).to(tl.float32)
                    kept = (key > least) | ((key == least) & (ties + tl.cumsum(tie, 0) <= room))
                    weight = tl.where(kept, tl.exp((x - top) * inverse), 0.0)
                    hit = (weight > 0.0) & (run + tl.cumsum(weight, 0) > target)
                    found = tl.min(tl.where(hit, index, VOCABULARY), 0)
                    last = tl.maximum(last, tl.max(tl.where(weight > 0.0, index, -1), 0))
                    run += tl.sum(weight, 0)
                    ties += tl.sum(tie, 0)
            # Where rounding leaves the target beyond all that is kept, it is the last of it.
            token = tl.where(found == VOCABULARY, last, found)
    else:
        token = -1
    tl.store(tokens + row, token.to(tl.int64))
