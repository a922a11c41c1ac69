from __future__ import annotations

from pathlib import Path

import pytest
import torch

from compiler.backends.cpu.library import Library
from compiler.ir.interpret import interpret
from compiler.native.native import Native
from compiler.passes.manager import for_processor, optimized
from tests.compiler import texts

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
CALLS = [(1,), (5, 1, 130), (17,) * 9, (300, 2, 64)]


@pytest.mark.parametrize(
    ("dtype", "quantized", "tolerance"),
    [(torch.float32, False, 1e-5), (torch.bfloat16, False, 2e-2), (torch.float32, True, 5e-2)],
)
def test_texts_compute_what_the_interpreter_says(
    library: Library, compiled: Path, dtype: torch.dtype, quantized: bool, tolerance: float
) -> None:
    program = for_processor(optimized(texts.program(dtype)), quantized=quantized)
    native = Native(program, library, compiled, texts.LIMITS)

    for lengths in CALLS:
        inputs = texts.call(*lengths)
        [expected] = interpret(program.graph, inputs, weights=program.weights).outputs
        torch.testing.assert_close(native(inputs, {})[0], expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_text_is_computed_alike_whatever_lies_beside_it(library: Library, compiled: Path, dtype: torch.dtype) -> None:
    native = Native(for_processor(optimized(texts.program(dtype))), library, compiled, texts.LIMITS)
    tokens, starts, ends = texts.call(70, 3, 140, 9)

    together = native((tokens, starts, ends), {})[0]

    for number, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        bounds = torch.tensor([0], dtype=torch.int32), torch.tensor([end - start], dtype=torch.int32)
        alone = native((tokens[start:end], *bounds), {})[0]
        assert torch.equal(alone[0], together[number])


def test_a_bad_value_stays_in_its_text(library: Library, compiled: Path) -> None:
    native = Native(for_processor(optimized(texts.program(torch.bfloat16))), library, compiled, texts.LIMITS)
    tokens, starts, ends = texts.call(20, 30, 40)
    tokens[25] = texts.IDS  # there is no such row: it is no number

    found = native((tokens, starts, ends), {})[0]

    assert torch.isfinite(found).all(1).tolist() == [True, False, True]
