from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from compiler.backends.cpu import rows
from compiler.backends.cpu.library import Library
from compiler.backends.cpu.matmul import quantize_rows
from compiler.backends.cpu.rows import Draw
from inference.engine import sampler

WIDTHS = [1, 15, 64, 384, 1000]


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("width", WIDTHS)
def test_rms_norm_with_its_residual(library: Library, width: int) -> None:
    x, residual, weight = drawn(5, width), drawn(5, width, seed=1), drawn(width, seed=2)
    total = x + residual

    result = rows.norm(library, x, weight, eps=1e-5, residual=residual)

    assert torch.equal(x, total)
    wanted = functional.rms_norm(total.double(), (width,), weight.double(), 1e-5)
    assert torch.allclose(result.double(), wanted, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("offset", [0.0, 1000.0])
@pytest.mark.parametrize("width", WIDTHS)
def test_layer_norm_far_from_zero(library: Library, width: int, offset: float) -> None:
    x, weight, bias = drawn(5, width) + offset, drawn(width, seed=1), drawn(width, seed=2)
    before = x.clone()

    result = rows.norm(library, x, weight, bias, eps=1e-5)

    assert torch.equal(x, before)
    wanted = functional.layer_norm(x.double(), (width,), weight.double(), bias.double(), 1e-5)
    assert torch.allclose(result.double(), wanted, rtol=2e-6, atol=2e-6 * (1 + offset))


@pytest.mark.parametrize("width", WIDTHS)
def test_a_norm_makes_the_bytes_that_quantizing_it_would(library: Library, width: int) -> None:
    x, weight = drawn(5, width), drawn(width, seed=1)

    made = rows.norm_to_bytes(library, x, weight, eps=1e-6)

    wanted = quantize_rows(library, rows.norm(library, x, weight, eps=1e-6))
    assert torch.equal(made.values, wanted.values)
    assert torch.equal(made.scales, wanted.scales)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_bad_value_spoils_its_row_alone(library: Library, bad: float) -> None:
    x = drawn(3, 70)
    x[1, 69] = bad

    made = rows.norm_to_bytes(library, x, torch.ones(70), eps=1e-6)

    assert torch.isfinite(made.scales).tolist() == [True, False, True]


@pytest.mark.parametrize("width", [16, 33])
def test_embeddings_of_every_type(library: Library, width: int) -> None:
    table, ids = drawn(50, width), torch.tensor([0, 49, 7, 7])
    scales = table.abs().amax(1) / 127
    integers = (table / scales[:, None]).round().to(torch.int8)

    assert torch.equal(rows.embed(library, table, ids), table[ids])
    assert torch.equal(rows.embed(library, table.bfloat16(), ids), table.bfloat16()[ids].float())
    assert torch.equal(rows.embed(library, integers, ids, scales=scales), integers[ids].float() * scales[ids, None])
    onto = drawn(4, width, seed=1)
    assert torch.allclose(rows.embed(library, table, ids, onto=onto), onto + table[ids], atol=1e-7)


def test_ids_that_are_not_there_read_no_memory(library: Library) -> None:
    result = rows.embed(library, drawn(50, 16), torch.tensor([-1, 50, 2**40, 3]))

    assert torch.isnan(result).all(1).tolist() == [True, True, True, False]


FUNCTIONS = {
    "exp": torch.exp,
    "silu": functional.silu,
    "tanh": torch.tanh,
    "erf": torch.erf,
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "relu": functional.relu,
}


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_elementary_functions_over_their_range(library: Library, name: str) -> None:
    x = torch.cat((torch.linspace(-87, 88, 20_001), torch.linspace(-6, 6, 20_001), drawn(1000) * 1e-3))

    result = rows.function(library, name, x).double()

    wanted = FUNCTIONS[name](x.double())
    error = (result - wanted).abs()
    bound = 2.5e-7 * wanted.abs() + (0 if name == "exp" else 5e-7 * (1 + x.abs().clamp(max=6)))
    assert (error <= bound).all(), float((error / bound).max())


def test_elementary_functions_at_their_ends(library: Library) -> None:
    x = torch.tensor([float("-inf"), -100.0, 100.0, float("inf"), float("nan")])

    assert rows.function(library, "exp", x)[:4].tolist() == [0, 0, float("inf"), float("inf")]
    for name in FUNCTIONS:
        assert torch.isnan(rows.function(library, name, x)[4])
    assert rows.function(library, "erf", x)[:4].tolist() == [-1, -1, 1, 1]
    assert rows.function(library, "silu", x)[1:4].tolist() == [0, 100, float("inf")]
    assert rows.function(library, "gelu", x)[1:4].tolist() == [0, 100, float("inf")]


@pytest.mark.parametrize("vocabulary", [1, 7, 64, 1001])
def test_the_likeliest(library: Library, vocabulary: int) -> None:
    logits = drawn(6, vocabulary)
    logits[3] = 2.0
    logits[5] -= 100

    assert rows.argmax(library, logits).tolist() == logits.argmax(1).tolist()


def test_logits_of_a_step_that_overflowed_give_no_token(library: Library) -> None:
    logits = drawn(5, 70)
    logits[0, 69], logits[1, 3], logits[2], logits[3, 5] = float("nan"), float("inf"), float("-inf"), float("-inf")
    draws = [Draw(1.0, 0.5)] * 5

    assert (rows.argmax(library, logits) == -1).tolist() == [True, True, True, False, False]
    assert (rows.sample(library, logits, draws) == -1).tolist() == [True, True, True, False, False]


OPTIONS = [
    Draw(1.0, 0),
    Draw(0.7, 0, top_k=5),
    Draw(1.3, 0, top_k=1),
    Draw(1.0, 0, top_p=0.9),
    Draw(1.0, 0, top_p=0.0001),
    Draw(0.8, 0, top_k=40, top_p=0.5),
    Draw(1.0, 0, min_p=0.1),
    Draw(1.0, 0, top_k=400, top_p=0.95, min_p=0.02),
    Draw(3.0, 0, top_k=2900, top_p=0.99),
    Draw(3.0, 0, top_p=0.999),
]


@pytest.mark.parametrize("option", OPTIONS)
def test_draws_are_those_of_the_engines_sampler(library: Library, option: Draw) -> None:
    logits = drawn(1, 3000) * 2
    uniforms = torch.rand(300, generator=torch.Generator().manual_seed(5), dtype=torch.float64).tolist()
    repeated = logits.expand(300, -1).contiguous()

    result = rows.sample(
        library,
        repeated,
        [Draw(option.temperature, uniform, option.top_k, option.top_p, option.min_p) for uniform in uniforms],
    )

    theirs = sampler.sample(
        repeated,
        [
            sampler.Draw(option.temperature, option.top_k, option.top_p, uniform, None, option.min_p)
            for uniform in uniforms
        ],
    )
    # A uniform number within rounding of a border may fall to either side.
    agree = sum(ours == their.token for ours, their in zip(result.tolist(), theirs, strict=True))
    assert agree >= 299


def test_draws_follow_their_probabilities(best: Library) -> None:
    logits, count = drawn(1, 12), 40_000
    uniforms = torch.rand(count, generator=torch.Generator().manual_seed(9), dtype=torch.float64).tolist()

    result = rows.sample(best, logits.expand(count, -1).contiguous(), [Draw(1.0, uniform) for uniform in uniforms])

    expected = logits.softmax(1)[0] * count
    statistic = ((torch.bincount(result, minlength=12) - expected) ** 2 / expected).sum()
    # The 0.999 quantile of chi-square with 11 degrees of freedom.
    assert statistic < 31.26


def test_masked_tokens_are_never_drawn(library: Library) -> None:
    logits = torch.full((4, 100), float("-inf"))
    logits[:, 42] = -50.0
    draws = [Draw(1.0, 0.0), Draw(1.0, 1 - 1e-16), Draw(0.1, 0.5, top_k=50), Draw(2.0, 0.999, top_p=0.9)]

    assert rows.sample(library, logits, draws).tolist() == [42] * 4


def test_draws_that_do_not_fit_are_refused(best: Library) -> None:
    with pytest.raises(ValueError, match="1 draws for 2 rows"):
        rows.sample(best, torch.ones(2, 4), [Draw(1.0, 0.0)])
