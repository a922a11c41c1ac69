from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
import torch
from torch.nn import functional

from compiler.backends.cpu import attention
from compiler.backends.cpu.library import Library

HEADS = [(4, 4, 64), (8, 2, 64), (7, 1, 80), (6, 2, 33), (10, 2, 128), (2, 1, 256), (60, 1, 16), (96, 3, 256)]
"""Query heads, kv heads and their width; most widths or groups are no multiples of a vector or of what is done together."""
BLOCK = 16


class Cache:
    """Requests with keys and values in scattered blocks; every place that none may look at is NaN."""

    def __init__(self, lengths: list[int], kv_heads: int, head_dim: int, dtype: torch.dtype, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        blocks = [-(-length // BLOCK) for length in lengths]
        order = (torch.randperm(sum(blocks), generator=generator) + 1).int()
        self.lengths = torch.tensor(lengths, dtype=torch.int32)
        self.pages = torch.full((sum(blocks) + 1, BLOCK, 2 * kv_heads, head_dim), torch.nan, dtype=dtype)
        self.tables = torch.full((len(lengths), max(blocks) + 2), 10**6, dtype=torch.int32)
        self.keys, self.values, self.slots = [], [], []
        for row, (length, own) in enumerate(zip(lengths, order.split(blocks), strict=True)):
            self.tables[row, : len(own)] = own
            both = torch.randn(2, length, kv_heads, head_dim, generator=generator).to(dtype)
            slots = (own[:, None] * BLOCK + torch.arange(BLOCK)).flatten()[:length].long()
            self.pages.view(-1, 2 * kv_heads, head_dim)[slots] = both.transpose(0, 1).flatten(1, 2)
            self.keys.append(both[0])
            self.values.append(both[1])
            self.slots.append(slots)


def expected(q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, window: int) -> torch.Tensor:
    """[new tokens, heads, head_dim], the new ones being the last, in float64."""
    group = q.shape[1] // keys.shape[1]
    k, v = (part.double().repeat_interleave(group, 1).transpose(0, 1) for part in (keys, values))
    place = torch.arange(keys.shape[0])
    own = place[keys.shape[0] - q.shape[0] :, None]
    seen = (place <= own) & (place > own - (window or keys.shape[0]))
    return functional.scaled_dot_product_attention(q.double().transpose(0, 1), k, v, seen).transpose(0, 1)


@pytest.mark.parametrize("window", [0, 40])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("heads", "kv_heads", "head_dim"), HEADS)
def test_a_new_token_sees_its_request_and_nothing_else(
    library: Library, heads: int, kv_heads: int, head_dim: int, dtype: torch.dtype, window: int
) -> None:
    cache = Cache([1, 63, 64, 65, 300], kv_heads, head_dim, dtype)
    q = torch.randn(5, heads, head_dim, generator=torch.Generator().manual_seed(1))

    result = attention.decode(library, q, cache.pages, cache.tables, cache.lengths, window=window)

    for row, (keys, values) in enumerate(zip(cache.keys, cache.values, strict=True)):
        assert torch.allclose(result[row].double(), expected(q[row : row + 1], keys, values, window)[0], atol=2e-6)


@pytest.mark.parametrize("window", [0, 40])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("heads", "kv_heads", "head_dim"), HEADS)
def test_new_tokens_of_a_prompt_see_what_is_before_them(
    library: Library, heads: int, kv_heads: int, head_dim: int, dtype: torch.dtype, window: int
) -> None:
    lengths, new = [1, 65, 100, 130], [1, 65, 7, 129]
    cache = Cache(lengths, kv_heads, head_dim, dtype)
    starts = [0, *accumulate(new)]
    q = torch.randn(starts[-1], heads, head_dim, generator=torch.Generator().manual_seed(1))

    result = attention.prompt(
        library, q, cache.pages, cache.tables, torch.tensor(starts, dtype=torch.int32), cache.lengths, window=window
    )

    for row, (begin, end) in enumerate(pairwise(starts)):
        wanted = expected(q[begin:end], cache.keys[row], cache.values[row], window)
        assert torch.allclose(result[begin:end].double(), wanted, atol=3e-6)


@pytest.mark.parametrize(("heads", "head_dim"), [(12, 32), (3, 64), (2, 20)])
def test_packed_texts_see_themselves_alone(library: Library, heads: int, head_dim: int) -> None:
    sizes = [1, 5, 64, 65, 150, 129, 300]
    starts = [0, *accumulate(sizes)]
    qkv = torch.randn(starts[-1], 3, heads, head_dim, generator=torch.Generator().manual_seed(1))
    bounds = torch.tensor(starts, dtype=torch.int32)

    result = attention.encode(library, qkv, bounds)
    half = attention.encode(library, qkv.bfloat16(), bounds)

    for begin, end in pairwise(starts):
        q, k, v = qkv[begin:end].double().permute(1, 2, 0, 3)
        wanted = functional.scaled_dot_product_attention(q, k, v).transpose(0, 1)
        assert torch.allclose(result[begin:end].double(), wanted, atol=2e-6)
        assert torch.allclose(half[begin:end].double(), wanted, atol=0.04)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_bad_value_stays_in_its_request(library: Library, bad: float) -> None:
    cache = Cache([70, 70, 0], 2, 64, torch.float32)
    cache.pages.view(-1, 4, 64)[cache.slots[0][5], 0, 0] = bad
    q = torch.ones(3, 4, 64)

    result = attention.decode(library, q, cache.pages, cache.tables, cache.lengths)

    assert torch.isnan(result[0, :2]).all()
    assert torch.isfinite(result[0, 2:]).all()
    assert torch.isfinite(result[1]).all()
    assert (result[2] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_keys_and_values_land_in_their_slots(library: Library, dtype: torch.dtype) -> None:
    pages = torch.zeros(4, BLOCK, 6, 40, dtype=dtype)
    keys, values = torch.randn(2, 5, 3, 40, generator=torch.Generator().manual_seed(1))
    slots = torch.tensor([3, 17, -1, 63, 40])

    attention.write(library, pages, keys, values, slots)

    wanted = torch.zeros_like(pages)
    kept = slots >= 0
    wanted.view(-1, 6, 40)[slots[kept]] = torch.cat((keys, values), 1)[kept].to(dtype)
    assert torch.equal(pages, wanted)


@pytest.mark.parametrize(("head_dim", "half"), [(64, 32), (80, 40), (64, 16), (34, 17)])
def test_heads_turn_by_their_position(library: Library, head_dim: int, half: int) -> None:
    heads = torch.randn(9, 5, head_dim, generator=torch.Generator().manual_seed(1))
    angles = torch.arange(50.0)[:, None] * torch.linspace(1, 0.01, half)
    positions = torch.tensor([0, 49, 3, 3, 7, 1, 20, 30, 31])
    turned = heads.clone()

    attention.rotate_(library, turned, angles.cos(), angles.sin(), positions)

    cosine, sine = angles.cos()[positions, None].double(), angles.sin()[positions, None].double()
    low, high, rest = heads.double().split((half, half, head_dim - 2 * half), 2)
    wanted = torch.cat((low * cosine - high * sine, high * cosine + low * sine, rest), 2)
    assert torch.allclose(turned.double(), wanted, atol=1e-6)


def test_what_does_not_fit_is_refused(best: Library) -> None:
    cache = Cache([5], 2, 32, torch.float32)
    with pytest.raises(ValueError, match="do not fit pages"):
        attention.decode(best, torch.ones(1, 3, 32), cache.pages, cache.tables, cache.lengths)
    with pytest.raises(ValueError, match="too many for a kernel"):
        attention.decode(best, torch.ones(1, 600, 32), cache.pages[:, :, :2].contiguous(), cache.tables, cache.lengths)
    with pytest.raises(ValueError, match="tables are int32"):
        attention.decode(best, torch.ones(1, 4, 32), cache.pages, cache.tables.long(), cache.lengths)
    with pytest.raises(ValueError, match="at most 256"):
        attention.decode(best, torch.ones(1, 4, 300), torch.ones(1, 1, 2, 300), cache.tables, cache.lengths)
