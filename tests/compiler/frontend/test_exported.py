from __future__ import annotations

import pytest
import torch
from torch import nn

from compiler.frontend.exported import Unsupported, capture
from compiler.ir.interpret import Unfit, interpret
from compiler.ir.printer import text
from compiler.ir.verify import verify
from compiler.passes.manager import optimized

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


class Toy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 8)
        self.linear = nn.Linear(8, 24)
        self.register_buffer("cache", torch.zeros(16, 8))

    def forward(self, tokens: torch.Tensor, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = self.embed(tokens)
        one, two, three = self.linear(hidden).chunk(3, dim=-1)
        self.cache.index_copy_(0, places, one)
        seen = torch.arange(16)[None] <= places[:, None]
        scores = (two @ self.cache.t()).masked_fill(~seen, -torch.inf).softmax(-1)
        return scores @ self.cache + three * 0.5, seen


BOTH = {"tokens": {0: "B"}, "places": {0: "B"}}


def test_sizes_that_may_differ_are_symbols() -> None:
    network = Toy().requires_grad_(False)
    program = capture(network, (torch.tensor([1, 2, 3]), torch.tensor([0, 1, 2])), dynamic=BOTH)
    verify(program.graph)
    assert text(program.graph).startswith("graph(tokens: int64[B], places: int64[B]):")

    for rows in (2, 5, 11):
        inputs = torch.arange(rows), torch.arange(rows) + 3
        expected = Toy().requires_grad_(False)
        expected.load_state_dict(network.state_dict())
        for version in (program, optimized(program)):
            states = {"cache": torch.zeros(16, 8)}
            computed = interpret(version.graph, inputs, weights=version.weights, states=states)
            fresh = Toy().requires_grad_(False)
            fresh.load_state_dict(network.state_dict())
            fresh.cache.zero_()
            for mine, theirs in zip(computed.outputs, fresh(*inputs), strict=True):
                torch.testing.assert_close(mine, theirs)
            torch.testing.assert_close(computed.states["cache"], fresh.cache)


def test_one_symbol_is_one_size() -> None:
    program = capture(Toy(), (torch.tensor([1, 2, 3]), torch.tensor([0, 1, 2])), dynamic=BOTH)

    with pytest.raises(Unfit):
        interpret(
            program.graph,
            (torch.tensor([1, 2, 3]), torch.tensor([0, 1])),
            weights=program.weights,
            states={"cache": torch.zeros(16, 8)},
        )


def test_the_module_stays_as_it_was() -> None:
    network = Toy()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    program = capture(network, (torch.tensor([1, 2]), torch.tensor([0, 1])))
    optimized(program)

    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert program.weights["embed.weight"].data_ptr() == network.embed.weight.data_ptr()
    assert network.embed.weight.requires_grad


class Strange(nn.Module):
    def forward(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        spread = torch.fft.rfft(values).abs()
        highest, where = values.max(dim=-1)
        return spread, highest, where


def test_what_the_compiler_does_not_know_stays_an_operator_of_aten() -> None:
    values = torch.randn(3, 8)
    program = capture(Strange(), (values,))
    verify(program.graph)

    assert any(value.op == "opaque" for value in program.graph.values)
    for version in (program, optimized(program)):
        computed = interpret(version.graph, (values,), weights=version.weights)
        for mine, theirs in zip(computed.outputs, Strange()(values), strict=True):
            assert torch.equal(mine, theirs)


class Choosing(nn.Module):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values * 2 if values.sum() > 0 else values


def test_a_module_that_depends_on_values_is_refused_with_a_remedy() -> None:
    with pytest.raises(Unsupported, match=r"torch\.where"):
        capture(Choosing(), (torch.randn(3),))
