from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir.size import NotDivisible, Size, bound, divided, product, symbol, symbols

B, T = symbol("B"), symbol("T")
_SIZES = st.recursive(
    st.integers(0, 9) | st.sampled_from([B, T]),
    lambda inner: st.tuples(st.sampled_from("+*-"), inner, inner),
    max_leaves=6,
)


def _made(tree: object) -> Size:
    match tree:
        case ("+", one, other):
            return _made(one) + _made(other)
        case ("*", one, other):
            return _made(one) * _made(other)
        case ("-", one, other):
            return _made(one) - _made(other)
    return tree  # type: ignore[return-value]


@given(_SIZES, _SIZES)
def test_what_is_always_the_same_number_is_the_same_size(one: object, other: object) -> None:
    a, b = _made(one), _made(other)
    bindings = [{"B": left, "T": right} for left in range(1, 8) for right in range(1, 8)]

    assert (a == b) == all(bound(a, binding) == bound(b, binding) for binding in bindings)


@given(_SIZES, st.sampled_from([2, 3, B, T, B * T * 4]))
def test_a_quotient_times_its_divisor_is_the_size(tree: object, by: Size) -> None:
    size = _made(tree)

    assert divided(size * by, by) == size


def test_what_leaves_something_is_not_divided() -> None:
    for size, by in ((7, 2), (B, 2), (B, T), (B + 1, B), (4, B + T)):
        with pytest.raises(NotDivisible):
            divided(size, by)


def test_sizes_read_as_people_write_them() -> None:
    assert [str(B), str(B * T), str(2 * B), str(B + 3), str(B * 0 + 3)] == ["B", "B*T", "2*B", "3+B", "3"]
    assert (B * T).name is None and B.name == "B" and symbols((B * T, 3)) == {"B", "T"}
    assert bound(B * T + 1, {"B": 2}) == 2 * T + 1
    assert bound(B * T + 1, {"B": 0}) == 1
    assert product([2, B, 3]) == 6 * B
