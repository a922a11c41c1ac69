from __future__ import annotations

import gc
import threading

import pytest
import torch

from compiler.ir import value as values
from compiler.ir.op import Illegal
from compiler.ir.ops import constant, make
from compiler.ir.size import symbol
from compiler.ir.value import TensorType

X = make("input", name="x", type=TensorType((symbol("B"), 4), torch.float32))
W = make("weight", name="w", type=TensorType((8, 4), torch.float32))


def test_what_is_made_alike_is_the_same_object() -> None:
    assert make("linear", X, W) is make("linear", X, W)
    assert make("add", X, X) is not make("mul", X, X)
    assert make("slice", X, dim=1, start=0, end=2) is make("slice", X, end=2, start=0, dim=1)


def test_numbers_that_are_equal_and_not_the_same_are_different_constants() -> None:
    assert len({constant(1), constant(1.0), constant(True), constant(0.0), constant(-0.0)}) == 5
    assert constant(1) is constant(1)


def test_two_threads_make_one_value() -> None:
    made = []
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        made.append([make("mul", X, constant(float(number))) for number in range(500)])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({id(value) for row in made for value in row}) == 500


def test_what_nobody_holds_is_forgotten() -> None:
    gc.collect()
    before = len(values._interned)
    made = make("mul", X, constant(12345.5))
    assert len(values._interned) == before + 2
    del made
    gc.collect()
    assert len(values._interned) == before


@pytest.mark.parametrize(
    ("op", "args", "attributes"),
    [
        ("nothing", (X,), {}),
        ("linear", (X, make("permute", W, order=(1, 0))), {}),
        ("matmul", (X, W), {}),
        ("reshape", (W,), {"shape": (5, 6)}),
        ("permute", (W,), {"order": (0, 0)}),
        ("slice", (W,), {"dim": 0, "start": 4, "end": 9}),
        ("slice", (W,), {"dim": 2, "start": 0, "end": 1}),
        ("concat", (X, W), {"dim": 1}),
        ("where", (X, X, X), {}),
        ("add", (X, W), {}),
        ("take", (W, X), {"dim": 0}),
        ("write", (W, X, X), {"dim": 0}),
        ("rms_norm", (X, W), {"eps": 1e-5}),
        ("item", (X,), {"number": 0}),
        ("mean", (make("input", name="i", type=TensorType((2,), torch.int64)),), {"dims": (0,), "keep": False}),
    ],
)
def test_what_means_nothing_is_not_made(op: str, args: tuple[values.Value, ...], attributes: dict[str, object]) -> None:
    with pytest.raises(Illegal):
        make(op, *args, **attributes)


def test_a_constant_takes_the_type_of_the_tensor_that_it_meets() -> None:
    half = make("input", name="h", type=TensorType((3,), torch.bfloat16))
    whole = make("input", name="n", type=TensorType((3,), torch.int64))

    assert make("mul", half, constant(0.1)).dtype == torch.bfloat16
    assert make("mul", whole, constant(2)).dtype == torch.int64
    assert make("mul", whole, constant(0.5)).dtype == torch.float32
    assert make("div", whole, whole).dtype == torch.float32
