from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from compiler.frontend.exported import capture
from compiler.ir.interpret import interpret
from compiler.ir.ops.mixed import LARGEST_BYTE
from compiler.ir.program import Program
from compiler.passes.manager import for_gpu, for_processor, optimized
from compiler.passes.nibbles import GROUP, quantize_nibbles
from compiler.passes.quantize import Unquantizable, quantize
from compiler.passes.rounding import eight_bit_floats, nearest
from tests.compiler.networks import DecodeStep, decoder_example

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


def _logits(program: Program) -> torch.Tensor:
    states = {name: torch.zeros_like(state) for name, state in program.states.items()}
    return interpret(program.graph, decoder_example(), weights=program.weights, states=states).outputs[0]


def _decoder() -> Program:
    return optimized(capture(DecodeStep("llama"), decoder_example()))


def test_halves_that_are_widened_are_nearer_to_the_truth() -> None:
    rounded, exact = DecodeStep("llama", dtype=torch.bfloat16), DecodeStep("llama")
    exact.load_state_dict(rounded.state_dict())
    halves, truth = optimized(capture(rounded, decoder_example())), _logits(capture(exact, decoder_example()))

    widened = for_processor(halves)

    assert {value.op for value in widened.graph.values} >= {"half_linear"}
    assert _logits(widened).dtype == torch.bfloat16
    assert (_logits(widened) - truth).abs().max() <= (_logits(halves) - truth).abs().max() + 1e-3


def test_bytes_are_a_quarter_of_the_memory_and_nearly_the_same() -> None:
    program = for_processor(_decoder())

    quantized = quantize(program)

    linear = [value for value in quantized.graph.values if value.op == "byte_linear"]
    assert linear and not any(value.op == "linear" for value in quantized.graph.values)
    for value in linear:
        weight = quantized.weights[value.args[1]["name"]]
        assert weight.dtype == torch.int8 and int(weight.abs().max()) == LARGEST_BYTE
    truth = _logits(program)
    assert (_logits(quantized) - truth).abs().max() < 0.05 * truth.abs().max()


def test_half_bytes_have_a_scale_for_each_few_and_leave_the_last_layer_in_bytes() -> None:
    program = for_processor(_decoder())

    quantized = quantize_nibbles(program)

    linear = [value for value in quantized.graph.values if value.op == "nibble_linear"]
    [last] = [value for value in quantized.graph.values if value.op == "byte_linear"]
    assert linear and last is quantized.graph.outputs[0]
    for value in linear:
        weight, scales = (quantized.weights[arg["name"]] for arg in value.args[1:])
        assert weight.dtype == torch.int8 and int(weight.min()) == -8 and int(weight.max()) <= 7
        assert weight.shape[1] == GROUP * scales.shape[1]
    truth = _logits(program)
    found = _logits(quantized)
    assert 0.005 * truth.norm() < (found - truth).norm() < 0.3 * truth.norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("stored", [torch.int8, torch.float8_e4m3fn])
def test_weights_become_bytes_where_activations_stay_as_they_are(dtype: torch.dtype, stored: torch.dtype) -> None:
    program = for_gpu(optimized(capture(DecodeStep("llama", dtype=dtype), decoder_example())))

    quantized = for_gpu(program, quantized=stored)

    linear = [value for value in quantized.graph.values if value.op == "scaled_linear"]
    assert linear and not any(value.op == "linear" for value in quantized.graph.values)
    assert all(value.dtype == value.args[0].dtype == dtype and value.args[1].dtype == stored for value in linear)
    truth = _logits(program)
    assert (_logits(quantized) - truth).abs().max() < 0.1 * truth.abs().max()


def test_small_weights_beside_a_large_one_keep_digits_as_floats_of_eight_bits() -> None:
    weight = torch.tensor([[1.0, 0.002, -0.003, 0.0], [0.0, 0.0, 0.0, 0.0]])

    (floats, scales), (whole, steps) = eight_bit_floats(weight), nearest(weight)

    torch.testing.assert_close(floats.float() * scales[:, None], weight, rtol=0.07, atol=0)
    assert (whole.float() * steps[:, None])[0, 1] == 0


def test_a_row_of_zeros_and_one_of_one_number_are_kept() -> None:
    program = for_processor(_decoder())
    name = next(name for name, tensor in program.weights.items() if tensor.dim() == 2 and "down_proj" in name)
    changed = program.weights[name].clone()
    changed[0], changed[1] = 0, 0
    changed[1, 3] = -2.5

    quantized = quantize(replace(program, weights={**program.weights, name: changed}))

    found = quantized.weights[f"{name}.bytes"].float() * quantized.weights[f"{name}.scales"][:, None]
    torch.testing.assert_close(found[:2], changed[:2])


def test_what_is_no_number_is_not_quantized() -> None:
    program = for_processor(_decoder())
    name = next(name for name, tensor in program.weights.items() if tensor.dim() == 2 and "down_proj" in name)
    changed = program.weights[name].clone()
    changed[5, 5] = torch.inf

    with pytest.raises(Unquantizable, match="down_proj"):
        quantize(replace(program, weights={**program.weights, name: changed}))


class Picking(nn.Module):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        highest, where = values.max(dim=-1)
        return torch.sort(values * 2).values[:, 0] + highest + where


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_operators_that_give_several_tensors_are_widened_too(dtype: torch.dtype) -> None:
    example = (torch.randn(3, 8).to(dtype),)
    program = for_processor(optimized(capture(Picking(), example)))

    [found] = interpret(program.graph, example, weights={}).outputs

    torch.testing.assert_close(found, Picking()(*example), rtol=1e-2, atol=1e-2)
