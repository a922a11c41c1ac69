from __future__ import annotations

import pytest
import torch
from torch import nn

from compiler.frontend.exported import capture
from compiler.ir.interpret import interpret
from compiler.ir.program import Program
from compiler.ir.verify import verify
from compiler.passes.absorb import absorb
from compiler.passes.manager import optimized


class Asked(nn.Module):
    def __init__(self, *, tied: bool = False, read: bool = False) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(32, eps=1e-5)
        self.first, self.second = nn.Linear(32, 24), nn.Linear(24, 32, bias=False)
        self.after = nn.RMSNorm(32, eps=1e-5)
        self.head = nn.Linear(32, 40, bias=False)
        self.table = nn.Embedding(40, 32)
        if tied:
            self.head.weight = self.table.weight
        self.read = read
        for norm in (self.norm, self.after):
            nn.init.uniform_(norm.weight, 0.5, 2.0)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.table(ids))
        found: torch.Tensor = self.second(torch.relu(self.first(x)))
        return self.head(self.after(found + x if self.read else found))  # type: ignore[no-any-return]


def program(*, dtype: torch.dtype = torch.float32, tied: bool = False, read: bool = False) -> Program:
    torch.manual_seed(0)
    network = Asked(tied=tied, read=read).to(dtype).requires_grad_(False)
    return optimized(capture(network, (torch.arange(5),)))


def scales(program: Program) -> list[str]:
    """Of each norm, where its weight comes from."""
    return [value.args[1].op for value in program.graph.values if value.op == "rms_norm"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_norms_weight_goes_into_the_layers_that_follow(dtype: torch.dtype) -> None:
    before = program(dtype=dtype)
    after = absorb(before)
    verify(after.graph)

    assert scales(before) == ["weight", "weight"] and scales(after) == ["full", "full"]
    assert len(after.weights) == len(before.weights) - 2
    exact = interpret(program().graph, (torch.arange(5),), weights=program().weights).outputs[0]
    found, torchs = (
        interpret(each.graph, (torch.arange(5),), weights=each.weights).outputs[0].float() for each in (after, before)
    )
    assert (found - exact).norm() <= 1.5 * (torchs - exact).norm() + 1e-6 * exact.norm()


def test_what_others_read_stays_as_it_is() -> None:
    # The head's weight is the embedding's as well, so the norm before it keeps its own.
    assert sorted(scales(absorb(program(tied=True)))) == ["full", "weight"]
    assert sorted(scales(absorb(program(read=True)))) == ["full", "weight"]


def test_halves_of_a_short_range_are_not_multiplied() -> None:
    assert scales(absorb(program(dtype=torch.float16))) == ["weight", "weight"]
