from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from inference.engine.models.threads import Threads

CPU = torch.device("cpu")


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("layer_bytes", "tokens", "threads"), [(3 << 20, 1, 1), (3 << 20, 1000, 2), (20 << 20, 1, 2)])
@pytest.mark.usefixtures("two_threads")
def test_small_forwards_of_small_networks_take_one_thread(layer_bytes: int, tokens: int, threads: int) -> None:
    with Threads(CPU, layer_parameters=1_500_000, layer_bytes=layer_bytes).fit(tokens):
        assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_the_threads_come_back_after_an_error() -> None:
    with pytest.raises(ValueError, match="x"), Threads(CPU, layer_parameters=1, layer_bytes=1).fit(1):
        raise ValueError("x")
    assert torch.get_num_threads() == 2
