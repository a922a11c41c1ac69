from __future__ import annotations

import pytest
import torch

from compiler.ir.graph import Graph
from compiler.ir.ops import constant, make
from compiler.ir.value import TensorType
from compiler.rewrite.pattern import any_value, number, op, some
from compiler.rewrite.rules import Restless, Rules, rewrite

X, Y = (make("input", name=name, type=TensorType((4,), torch.float32)) for name in "xy")
_X, _Y = any_value("x"), any_value("y")


def _graph(*outputs: object) -> Graph:
    return Graph((X, Y), outputs, {})  # type: ignore[arg-type]


def test_rules_are_applied_until_none_fits() -> None:
    rules = Rules([(op("neg", op("neg", _X)), lambda x, it: x)])
    value = X
    for _ in range(6):
        value = make("neg", value)

    assert rewrite(_graph(value, make("neg", value)), rules).outputs == (X, make("neg", X))


def test_operands_match_in_either_order_and_a_name_is_one_value() -> None:
    square = Rules([(op("mul", _X, op("neg", _X)), lambda x, it: make("neg", make("mul", x, x)))])

    assert rewrite(_graph(make("mul", make("neg", X), X)), square).outputs == (make("neg", make("mul", X, X)),)
    kept = make("mul", make("neg", X), Y)
    assert rewrite(_graph(kept), square).outputs == (kept,)


def test_numbers_are_named_by_what_they_are() -> None:
    rules = Rules([(op("mul", _X, number("n")), lambda x, n, it: make("div", x, constant(1 / n)))])

    assert rewrite(_graph(make("mul", X, constant(0.25))), rules).outputs == (make("div", X, constant(4.0)),)


def test_what_somebody_else_uses_is_not_fused_away() -> None:
    rules = Rules([(op("add", op("mul", _X, _Y).used_once(), _Y), lambda x, y, it: make("sub", x, y))])
    product = make("mul", X, Y)
    total = make("add", product, Y)

    assert rewrite(_graph(total), rules).outputs == (make("sub", X, Y),)
    assert rewrite(_graph(total, product), rules).outputs == (total, product)
    assert rewrite(_graph(total, make("neg", product)), rules).outputs[0] is total


def test_earlier_tables_come_first() -> None:
    first = Rules([(some("neg", "x"), lambda x, it: make("abs", x.args[0]))])
    second = Rules([(some("neg", "x"), lambda x, it: make("relu", x.args[0]))])

    assert rewrite(_graph(make("neg", X)), first + second).outputs == (make("abs", X),)
    assert rewrite(_graph(make("neg", X)), second + first).outputs == (make("relu", X),)


def test_rules_that_undo_each_other_are_found_out() -> None:
    rules = Rules(
        [
            (op("add", _X, _Y), lambda x, y, it: make("sub", x, y)),
            (op("sub", _X, _Y), lambda x, y, it: make("add", x, y)),
        ]
    )

    with pytest.raises(Restless):
        rewrite(_graph(make("add", X, Y)), rules)
