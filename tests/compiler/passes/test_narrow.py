from __future__ import annotations

import pytest
import torch

from compiler.ir.interpret import interpret
from compiler.ir.program import Program
from compiler.passes.manager import WIDENING, optimized, run
from compiler.passes.narrow import narrow
from compiler.passes.quantize import quantize
from tests.compiler import texts

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


def _computed(program: Program) -> torch.Tensor:
    return interpret(program.graph, texts.call(9, 20), weights=program.weights).outputs[0]


def _wide(dtype: torch.dtype) -> Program:
    return run(optimized(texts.program(dtype)), WIDENING)


def test_halves_between_products_change_no_bit() -> None:
    program = _wide(torch.bfloat16)

    narrowed = narrow(program)

    asked = [value.args[0] for value in narrowed.graph.values if value.op == "half_linear"]
    assert {(value.op, value.dtype) for value in asked} >= {
        ("cast", torch.bfloat16),
        ("ragged_attention", torch.bfloat16),
    }
    assert torch.equal(_computed(narrowed), _computed(program))


def test_what_is_wanted_in_full_stays_in_full() -> None:
    for program in (_wide(torch.float32), quantize(_wide(torch.float32))):
        assert narrow(program).graph == program.graph
