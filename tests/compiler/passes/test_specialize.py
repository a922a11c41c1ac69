from __future__ import annotations

import pytest
import torch

from compiler.frontend.exported import capture
from compiler.ir.interpret import Unfit, interpret
from compiler.ir.verify import verify
from compiler.passes.manager import optimized
from compiler.passes.specialize import OutsideBucket, free_symbols, specialize
from tests.compiler.frontend.test_exported import BOTH, Toy

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


def test_a_bucket_computes_what_the_program_does_for_its_sizes() -> None:
    program = capture(Toy(), (torch.tensor([1, 2, 3]), torch.tensor([0, 1, 2])), dynamic=BOTH)
    inputs, states = (torch.arange(5), torch.arange(5) + 3), {"cache": torch.zeros(16, 8)}
    assert free_symbols(program.graph) == {"B"}
    expected = interpret(program.graph, inputs, weights=program.weights, states=states)

    bucket = optimized(specialize(program, {"B": 5}))

    verify(bucket.graph)
    assert not free_symbols(bucket.graph)
    for mine, theirs in zip(
        interpret(bucket.graph, inputs, weights=bucket.weights, states=states).outputs, expected.outputs, strict=True
    ):
        torch.testing.assert_close(mine, theirs)
    with pytest.raises(Unfit):
        interpret(bucket.graph, (torch.arange(4), torch.arange(4)), weights=bucket.weights, states=states)


def test_a_bucket_says_all_there_is_to_say() -> None:
    program = capture(Toy(), (torch.tensor([1, 2, 3]), torch.tensor([0, 1, 2])), dynamic=BOTH)

    for bucket in ({}, {"T": 3}, {"B": 0}):
        with pytest.raises(OutsideBucket):
            specialize(program, bucket)
