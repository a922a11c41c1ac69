from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from time import sleep

import pytest
import torch
from torch import nn

from inference.engine.models.layers import Linear
from inference.engine.models.threads import Threads, least_worth


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("tokens", "threads"), [(1, 1), (15, 1), (16, 2), (1000, 2)])
@pytest.mark.usefixtures("two_threads")
def test_small_forwards_take_one_thread(tokens: int, threads: int) -> None:
    with Threads(worth=16).fit(tokens):
        assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(
    ("ms_for", "worth"),
    [
        (lambda tokens, threads: 10 + tokens / threads, 4),
        (lambda tokens, threads: 10 + tokens / 4 / threads, 16),
        (lambda tokens, threads: threads, 512),
        (lambda tokens, threads: 2 / threads, 1),
    ],
)
@pytest.mark.usefixtures("two_threads")
def test_what_is_worth_it_is_measured(ms_for: object, worth: int) -> None:
    def compute(tokens: int) -> None:
        sleep(ms_for(tokens, torch.get_num_threads()) / 1000)  # type: ignore[operator]

    assert least_worth(compute, 2) == worth
    assert least_worth(compute, 1) == 0


@pytest.mark.usefixtures("two_threads")
def test_a_networks_own_matrices_are_timed() -> None:
    layers = nn.ModuleList(Linear(partial(torch.zeros), 32, 32) for _ in range(2))

    assert Threads.measured(layers).worth in (1, 4, 16, 64, 256, 512)
    assert Threads.measured(nn.ModuleList()).worth == 0
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_the_threads_come_back_after_an_error() -> None:
    with pytest.raises(ValueError, match="x"), Threads(worth=2).fit(1):
        raise ValueError("x")
    assert torch.get_num_threads() == 2
