from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from compiler.backends.cpu import isa, layout, quantize
from compiler.backends.cpu.layout import Packed
from compiler.backends.cpu.library import Library
from compiler.backends.cpu.matmul import Activation, Bytes, matmul, quantize_rows

SHAPES = [
    (1, 64, 64),
    (2, 1, 1),
    (3, 65, 63),
    (5, 130, 127),
    (8, 384, 512),
    (13, 200, 129),
    (32, 96, 260),
    (65, 100, 1030),
]
"""Rows, N and K; most are no multiples of a tile, a word or a group."""


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def exact(x: Bytes, weight: quantize.Int8) -> torch.Tensor:
    """The product in integers, and then scaled in float64."""
    sums = (x.values[:, : weight.values.shape[1]].long() - 128) @ weight.values.long().T
    return sums.double() * x.scales.double()[:, None] * weight.scales.double()


@pytest.mark.parametrize(("rows", "n", "k"), SHAPES)
def test_bytes_times_int8_is_exact_but_for_the_scaling(library: Library, rows: int, n: int, k: int) -> None:
    weight = quantize.int8(drawn(n, k))
    x = quantize_rows(library, drawn(rows, k, seed=1))

    result = matmul(library, x, layout.pack(weight))

    expected = exact(x, weight)
    assert torch.allclose(result.double(), expected, rtol=3e-7, atol=1e-30)


@pytest.mark.parametrize(("rows", "n", "k"), SHAPES)
def test_bytes_and_their_products_are_the_same_bits_in_every_variant(
    library: Library, best: Library, rows: int, n: int, k: int
) -> None:
    weight = layout.pack(quantize.int8(drawn(n, k)))
    values = drawn(rows, k, seed=1) * 10

    here, there = quantize_rows(library, values), quantize_rows(best, values)

    assert torch.equal(here.values, there.values)
    assert torch.equal(here.scales, there.scales)
    assert torch.equal(matmul(library, here, weight), matmul(best, there, weight))


def test_the_largest_bytes_do_not_saturate(library: Library) -> None:
    k = 4096
    weight = quantize.Int8(torch.full((64, k), 127, dtype=torch.int8), torch.ones(64))
    x = Bytes(torch.full((1, k), 255, dtype=torch.uint8), torch.ones(1))

    result = matmul(library, x, layout.pack(weight))

    assert result.tolist() == [[float(127 * 127 * k)] * 64]


@pytest.mark.parametrize(("rows", "n", "k"), SHAPES)
def test_bfloat16_is_as_near_as_float32_sums_are(library: Library, rows: int, n: int, k: int) -> None:
    x, weight = drawn(rows, k, seed=1).bfloat16(), drawn(n, k).bfloat16()

    result = matmul(library, x, layout.pack(weight))

    expected = x.double() @ weight.double().T
    sizes = x.double().abs() @ weight.double().abs().T
    assert ((result - expected).abs() <= 1e-6 * sizes).all()


@pytest.mark.parametrize(("rows", "n", "k"), SHAPES)
def test_float32(library: Library, rows: int, n: int, k: int) -> None:
    x, weight = drawn(rows, k, seed=1), drawn(n, k)

    result = matmul(library, x, layout.pack(weight))

    sizes = x.double().abs() @ weight.double().abs().T
    assert ((result - x.double() @ weight.double().T).abs() <= 1e-6 * sizes).all()


@pytest.mark.parametrize("group", [32, 128])
@pytest.mark.parametrize(("rows", "n", "k"), SHAPES)
def test_int4(library: Library, rows: int, n: int, k: int, group: int) -> None:
    weight = quantize.int4(drawn(n, k), group)
    values = drawn(rows, k, seed=1)
    x = quantize_rows(library, values)

    by_bytes = matmul(library, x, layout.pack(weight))
    by_halves = matmul(library, values.bfloat16(), layout.pack(weight))

    plain = weight.dequantized().double()
    bytes_ = (x.values[:, :k].double() - 128) * x.scales.double()[:, None]
    assert ((by_bytes - bytes_ @ plain.T).abs() <= 1e-6 * (bytes_.abs() @ plain.abs().T)).all()
    halves = values.bfloat16().double()
    assert ((by_halves - halves @ plain.T).abs() <= 1e-6 * (halves.abs() @ plain.abs().T)).all()


ACTIVATIONS = {
    "none": lambda x: x,
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "relu": functional.relu,
}


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_bias_activation_residual_and_type(library: Library, activation: Activation, dtype: torch.dtype) -> None:
    x, weight, bias, residual = (
        drawn(7, 100, seed=1),
        drawn(77, 100) / 5,
        drawn(77, seed=2),
        drawn(7, 77, seed=3).to(dtype),
    )

    result = matmul(library, x, layout.pack(weight), activation=activation, bias=bias, residual=residual, out=dtype)

    expected = (
        ACTIVATIONS[activation](functional.linear(x.double(), weight.double(), bias.double())) + residual.double()
    )
    assert result.dtype == dtype
    assert torch.allclose(result.double(), expected, rtol=2e-6 if dtype == torch.float32 else 2**-8, atol=3e-6)


@pytest.mark.parametrize("features", [32, 70, 200])
@pytest.mark.parametrize(("activation", "function"), [
    ("silu_gate", functional.silu),
    ("gelu_tanh_gate", lambda x: functional.gelu(x, approximate="tanh")),
])  # fmt: skip
def test_gate_and_up_in_one(library: Library, features: int, activation: Activation, function: object) -> None:
    x, gate, up = drawn(9, 60, seed=1), drawn(features, 60) / 3, drawn(features, 60, seed=2)
    gate_bias, up_bias = drawn(features, seed=3), drawn(features, seed=4)

    result = matmul(
        library,
        x,
        layout.pack(layout.interleave(gate, up)),
        bias=layout.interleave(gate_bias, up_bias),
        activation=activation,
        columns=features,
    )

    x, gate, up = x.double(), gate.double(), up.double()
    expected = function(functional.linear(x, gate, gate_bias.double())) * functional.linear(x, up, up_bias.double())  # type: ignore[operator]
    assert torch.allclose(result.double(), expected, rtol=1e-5, atol=1e-4)


def test_peaks_spare_the_next_layer_a_pass(library: Library) -> None:
    x, weight = drawn(11, 100, seed=1), layout.pack(drawn(77, 100))
    peaks = torch.zeros(library.threads, 11, dtype=torch.int32)

    result = matmul(library, x, weight, peaks=peaks)

    assert torch.equal(peaks.amax(0).view(torch.float32), result.abs().amax(1))
    with_peaks, without = quantize_rows(library, result, peaks), quantize_rows(library, result)
    assert torch.equal(with_peaks.values, without.values)
    assert torch.equal(with_peaks.scales, without.scales)


def test_rows_of_bytes_are_nearest_with_a_scale_each(library: Library) -> None:
    x = drawn(6, 133) * torch.tensor([1e-8, 1e-3, 1.0, 10.0, 1e4, 1e30])[:, None]

    made = quantize_rows(library, x)

    assert torch.allclose(made.scales, x.abs().amax(1) / 127, rtol=1e-6)
    restored = (made.values[:, :133].double() - 128) * made.scales.double()[:, None]
    assert ((restored - x).abs() <= made.scales.double()[:, None] * 0.50001).all()
    assert (made.values[:, 133:] == 128).all()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_row_of_bytes_with_an_infinity_is_nan_and_no_other_is(library: Library, bad: float) -> None:
    x = drawn(3, 70)
    x[1, 69] = bad
    x[2] = 0

    made = quantize_rows(library, x)
    result = matmul(library, made, layout.pack(quantize.int8(drawn(65, 70))))

    assert torch.isfinite(result[0]).all()
    assert torch.isnan(result[1]).all()
    assert (result[2] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_nan_stays_in_its_row_and_an_infinity_keeps_its_sign(library: Library, dtype: torch.dtype) -> None:
    x = drawn(4, 70).to(dtype)
    x[1, 3], x[2, 3] = float("nan"), float("inf")
    weight = drawn(65, 70).abs().to(dtype)

    result = matmul(library, x, layout.pack(weight))

    assert torch.isfinite(result[[0, 3]]).all()
    assert torch.isnan(result[1]).all()
    assert (result[2] == float("inf")).all()


@pytest.mark.parametrize("threads", [1, 3, 5])
def test_threads_do_not_change_a_bit(kernels_folder: object, best: Library, threads: int) -> None:
    x, weight = drawn(9, 300, seed=1), layout.pack(drawn(333, 300))
    other = Library(kernels_folder, threads=threads)  # type: ignore[arg-type]

    result = matmul(other, x, weight)

    other.close()
    assert torch.equal(result, matmul(best, x, weight))


def test_variants_of_other_machines_are_refused(kernels_folder: object) -> None:
    foreign = isa.Variant("avx512", (), "vax")

    with pytest.raises(ValueError, match="does not run avx512"):
        Library(kernels_folder, threads=1, variant=foreign)  # type: ignore[arg-type]


@pytest.mark.parametrize(("x", "weight", "options", "said"), [
    (torch.ones(2, 9), layout.pack(torch.ones(3, 8)), {}, "do not fit"),
    (torch.ones(2, 8), layout.pack(torch.ones(3, 8).bfloat16()), {}, "do not fit"),
    (torch.ones(2, 8), layout.pack(torch.ones(3, 8)), {"bias": torch.ones(4)}, "a bias of 3"),
    (torch.ones(2, 8), layout.pack(torch.ones(3, 8)), {"residual": torch.ones(2, 4)}, "a residual like"),
    (torch.ones(2, 8), layout.pack(torch.ones(3, 8)), {"columns": 4}, "4 columns"),
    (Bytes(torch.ones(2, 4, dtype=torch.uint8), torch.ones(2)), layout.pack(quantize.int8(torch.ones(3, 8))), {}, "no bytes"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(
    best: Library, x: torch.Tensor | Bytes, weight: Packed, options: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        matmul(best, x, weight, **options)  # type: ignore[arg-type]
