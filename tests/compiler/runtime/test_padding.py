from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.functional import pad

from compiler.frontend.exported import capture
from compiler.ir.interpret import interpret
from compiler.passes.manager import optimized
from compiler.runtime.padding import is_padded_safely
from tests.compiler.frontend.test_exported import BOTH, Toy
from tests.compiler.modules import Reading
from tests.compiler.networks import Encoder, encoder_example

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


class Of(nn.Module):
    """A module of one expression over `x` [rows, 4, 6]."""

    def __init__(self, compute: object) -> None:
        super().__init__()
        self.compute = compute
        torch.manual_seed(0)
        self.linear, self.norm = nn.Linear(6, 6), nn.LayerNorm(6)
        self.weight = nn.Parameter(torch.randn(4, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.compute(self, x)  # type: ignore[operator,no-any-return]


def _attended(m: Of, x: torch.Tensor) -> torch.Tensor:
    heads = x.reshape(-1, 4, 2, 3).transpose(1, 2)
    return functional.scaled_dot_product_attention(heads, heads, heads, is_causal=True).transpose(1, 2).flatten(2)


_APART = {
    "linear": lambda m, x: functional.gelu(m.linear(x)) + x,
    "norm": lambda m, x: m.norm(x) * m.weight,
    "softmax": lambda m, x: x.softmax(1).cumsum(2),
    "sum over others": lambda m, x: x.sum((1, 2)),
    "turned": lambda m, x: x.permute(2, 0, 1) @ m.weight,
    "joined": lambda m, x: torch.cat((x, m.weight.expand(x.shape)), -1)[:, 1:],
    "flattened": lambda m, x: x.reshape(-1, 24) * 2,
    "attention": _attended,
    "batches": lambda m, x: x @ x.transpose(1, 2),
    "looked up": lambda m, x: functional.embedding((x[:, 0, 0] > 0).long(), m.weight),
}
_TOGETHER = {
    "mean": lambda m, x: x.mean(0),
    "centred": lambda m, x: x - x.amax(0, keepdim=True),
    "softmax over rows": lambda m, x: x.softmax(0),
    "cumsum over rows": lambda m, x: x.cumsum(0),
    "reversed": lambda m, x: x.flip(0),
    "first": lambda m, x: x + x[:1],
    "merged": lambda m, x: x.reshape(-1, 6),
    "among each other": lambda m, x: x.reshape(-1, 24) @ x.reshape(-1, 24).t(),
    "counted": lambda m, x: x / x.shape[0],
}


@pytest.mark.parametrize("name", _APART)
def test_rows_that_do_not_see_each_other_may_be_more(name: str) -> None:
    module, x = Of(_APART[name]).requires_grad_(False), torch.randn(3, 4, 6)
    program = capture(module, (x,), dynamic={"x": {0: "B"}})

    assert is_padded_safely(program.graph, "B") and is_padded_safely(optimized(program).graph, "B")
    more = pad(x, (0, 0, 0, 0, 0, 2))
    [padded] = interpret(program.graph, (more,), weights=program.weights).outputs
    dim = next(dim for dim, size in enumerate(program.graph.outputs[0].shape) if str(size) == "B")
    torch.testing.assert_close(padded.narrow(dim, 0, 3), module(x))


@pytest.mark.parametrize("name", _TOGETHER)
def test_rows_that_meet_may_not(name: str) -> None:
    program = capture(Of(_TOGETHER[name]).requires_grad_(False), (torch.randn(3, 4, 6),), dynamic={"x": {0: "B"}})

    assert not is_padded_safely(program.graph, "B")


def test_texts_may_be_more_and_tokens_may_not() -> None:
    dynamic = {"tokens": {0: "B", 1: "T"}, "mask": {0: "B", 1: "T"}}
    for module in (Reading(places=32), Encoder(layers=1)):
        program = capture(module, encoder_example(), dynamic=dynamic, limits={"T": 32})
        assert is_padded_safely(program.graph, "B") and not is_padded_safely(program.graph, "T")


def test_a_cache_keeps_nothing_that_nobody_asked_for() -> None:
    program = capture(Toy(), (torch.tensor([1, 2, 3]), torch.tensor([0, 1, 2])), dynamic=BOTH)

    assert not is_padded_safely(program.graph, "B")
