from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from compiler.backends.triton.tiles import Reach
from tests.compiler.backends.cpu.test_attention import Cache, expected
from tests.compiler.backends.triton import interpreted

Interpret = Callable[..., Any]


@pytest.mark.parametrize(
    ("lengths", "tokens", "heads", "kv_heads", "head_dim", "dtype", "window", "split"),
    [
        ([1, 40, 17], 1, 4, 2, 32, torch.float16, 0, 1),
        ([100, 3], 3, 7, 1, 80, torch.float32, 0, 3),
        ([70, 16, 33], 2, 4, 4, 16, torch.float32, 20, 2),
        ([65], 1, 8, 2, 64, torch.bfloat16, 0, 4),
    ],
)
def test_pages_are_read_up_to_a_requests_length(
    interpret: Interpret, kernels: Path, lengths: list[int], tokens: int, heads: int, kv_heads: int, head_dim: int,
    dtype: torch.dtype, window: int, split: int,
) -> None:  # fmt: skip
    cache = Cache(lengths, kv_heads, head_dim, dtype)
    q = torch.randn(len(lengths), heads, tokens, head_dim, generator=torch.Generator().manual_seed(1)).to(dtype)

    out = interpret(
        interpreted.over_pages,
        q,
        cache.pages,
        cache.tables,
        cache.lengths,
        kernels,
        window=window,
        cut=Reach(32, split, 4, 2),
    )

    for row, (keys, values) in enumerate(zip(cache.keys, cache.values, strict=True)):
        wanted = expected(q[row].transpose(0, 1), keys, values, window)
        exact = 1e-5 if dtype == torch.float32 else 1e-2
        torch.testing.assert_close(out[row].double(), wanted, rtol=exact, atol=exact)


def test_keys_and_values_go_to_their_slots_and_nowhere_else(interpret: Interpret, kernels: Path) -> None:
    generator = torch.Generator().manual_seed(2)
    x, weight = torch.randn(4, 48, generator=generator), torch.randn(8 * 16, 48, generator=generator) / 7
    cache = torch.zeros(3, 4, 4, 16)
    angles = torch.rand(4, 8, generator=generator) * 6
    turn = [torch.cat((part, part), 1) for part in (angles.cos(), angles.sin())]
    slots = torch.tensor([9, -1, 2, 3])

    q, written = interpret(interpreted.to_pages, x, weight, cache, slots, turn, kernels, tokens=2)

    rows = functional.rms_norm(x, (48,), eps=1e-6) @ weight.T
    heads = rows.view(4, 8, 16)
    normed = functional.rms_norm(heads, (16,), eps=1e-6)
    halves = normed.chunk(2, -1)
    turned = normed * turn[0][:, None] + torch.cat((-halves[1], halves[0]), -1) * turn[1][:, None]
    torch.testing.assert_close(q.transpose(1, 2).flatten(0, 1), turned[:, :4], rtol=1e-4, atol=1e-5)
    both = torch.cat((turned[:, 4:6], heads[:, 6:]), 1)
    wanted = torch.zeros(12, 4, 16)
    wanted[9], wanted[2:4] = both[0], both[2:]
    torch.testing.assert_close(written.view(12, 4, 16), wanted, rtol=1e-4, atol=1e-5)


def test_tensors_that_a_launch_was_not_made_for_are_refused(interpret: Interpret, kernels: Path) -> None:
    cache = Cache([5], 2, 16, torch.float32)
    q = torch.randn(1, 4, 1, 16)

    with pytest.raises(ValueError, match="argument 4 is int32"):
        interpret(
            interpreted.over_pages,
            q,
            cache.pages,
            cache.tables,
            cache.lengths.long(),
            kernels,
            window=0,
            cut=Reach(16, 1, 4, 2),
        )
