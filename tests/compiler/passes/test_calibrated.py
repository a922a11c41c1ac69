from __future__ import annotations

import pytest
import torch
from torch import nn

from compiler.frontend.exported import capture
from compiler.ir.interpret import interpret
from compiler.ir.program import Program
from compiler.passes.manager import calibrated, for_processor, optimized
from compiler.passes.quantize import every, reads_no_activation
from compiler.passes.rounding import compensated, nearest
from tests.compiler import texts

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


def _rows(seed: int, count: int = 600) -> torch.Tensor:
    """Whose columns go together, as activations' do."""
    drawn = torch.Generator().manual_seed(seed)
    mixed = torch.randn(16, 64, generator=torch.Generator().manual_seed(0))
    return torch.randn(count, 16, generator=drawn) @ mixed + 0.1 * torch.randn(count, 64, generator=drawn)


def test_what_rounding_loses_is_made_up_for() -> None:
    weight = torch.randn(48, 64, generator=torch.Generator().manual_seed(1))

    def error(found: tuple[torch.Tensor, torch.Tensor]) -> float:
        values, scales = found
        return float((_rows(3) @ (values.float() * scales[:, None] - weight).T).norm())

    assert error(compensated(weight, _rows(2))) < 0.5 * error(nearest(weight))
    assert torch.equal(compensated(weight, _rows(2))[1], nearest(weight)[1])


def test_columns_that_never_change_and_rows_of_zeros_are_no_trouble() -> None:
    weight, rows = torch.ones(3, 8), torch.zeros(5, 8)
    weight[1] = 0
    rows[:, 0] = 1

    values, scales = compensated(weight, rows)

    assert torch.equal(values.float() * scales[:, None], weight)


def test_norms_with_outliers_become_bytes_at_less_loss() -> None:
    torch.manual_seed(3)
    norm, linear = nn.LayerNorm(128), nn.Linear(128, 256)
    # A few columns far larger than the others, and about a middle that is not zero, as BERT's are.
    norm.weight.data[[3, 17]] = 9.0
    norm.bias.data[[5, 17]] = 12.0
    sample, rows = torch.randn(2, 200, 128)
    program = optimized(capture(nn.Sequential(norm, linear), (rows,)))
    exact = linear(norm(rows)).detach()

    def error(program: Program) -> float:
        return float((interpret(program.graph, (rows,), weights=program.weights).outputs[0] - exact).norm())

    [spread] = calibrated(program, [(sample,)], [every])

    assert error(spread) < 0.7 * error(for_processor(program, quantized=True))


def test_layers_that_are_not_chosen_stay_as_they_are() -> None:
    program = optimized(texts.program(torch.float32))

    whole, some = calibrated(program, [texts.call(40, 9, 71, 130)], [every, reads_no_activation])

    def left(program: Program) -> list[str]:
        return [value.args[0].op for value in program.graph.values if value.op == "linear"]

    assert left(whole) == []
    assert left(some) == ["gelu", "gelu"]
