from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.tune.knobs import Choice, Knob, PowerOfTwo, Range, Switch
from compiler.tune.space import Space

powers = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(lambda ends: PowerOfTwo(1 << min(ends), 1 << max(ends)))
ranges = st.builds(
    lambda low, more, step: Range(low, low + more, step=step),
    st.integers(-50, 50),
    st.integers(0, 200),
    st.integers(1, 9),
)
values = st.one_of(st.integers(0, 3), st.booleans(), st.text("ab", max_size=2))
choices = st.lists(values, min_size=1, max_size=6, unique_by=lambda value: (type(value), value)).map(
    lambda several: Choice(*several)
)
knobs = st.one_of(powers, ranges, choices, st.booleans().map(lambda on: Switch(default=on)))
spaces = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), knobs, min_size=1, max_size=4)


@given(knobs, st.randoms(use_true_random=False))
def test_a_value_has_one_place_and_a_place_one_value(knob: Knob, rng: random.Random) -> None:
    value = knob.random(rng)

    again = knob.decode(knob.encode(value))

    assert (type(again), again) == (type(value), value)
    assert [knob.encode(each) for each in knob.values] == list(range(len(knob)))
    assert knob.default in list(knob.values)


@given(knobs, st.randoms(use_true_random=False))
def test_neighbours_are_mutual_and_never_the_value_itself(knob: Knob, rng: random.Random) -> None:
    value = knob.random(rng)

    near = knob.neighbours(value)

    assert knob.encode(value) not in [knob.encode(other) for other in near]
    assert all(knob.encode(value) in [knob.encode(back) for back in knob.neighbours(other)] for other in near)
    assert len(near) >= min(1, len(knob) - 1)


@given(spaces, st.randoms(use_true_random=False))
def test_a_space_gives_back_what_it_encoded(given_knobs: dict[str, Knob], rng: random.Random) -> None:
    space = Space(given_knobs)
    candidate = space.random(rng)

    assert space.decode(space.encode(candidate)) == candidate
    assert space.problem(candidate) is None
    assert all(space.problem(other) is None for other in space.neighbours(candidate))


@given(spaces, st.randoms(use_true_random=False))
def test_a_fingerprint_does_not_hang_on_order(given_knobs: dict[str, Knob], rng: random.Random) -> None:
    names = list(given_knobs)
    rng.shuffle(names)

    assert Space({name: given_knobs[name] for name in names}).fingerprint == Space(given_knobs).fingerprint


@pytest.mark.parametrize(
    "other",
    [
        Space({"a": PowerOfTwo(1, 16), "b": Switch()}),
        Space({"a": PowerOfTwo(1, 8), "c": Switch()}),
        Space({"a": Choice(1, 2, 4, 8), "b": Switch()}),
        Space({"a": PowerOfTwo(1, 8), "b": Choice(0, 1)}),
        Space({"a": PowerOfTwo(1, 8), "b": Switch()}, {"a is small": lambda candidate: True}),
    ],
)
def test_another_space_has_another_fingerprint(other: Space) -> None:
    space = Space({"a": PowerOfTwo(1, 8), "b": Switch()})

    assert other.fingerprint != space.fingerprint


def test_a_default_does_not_change_what_a_space_is() -> None:
    one, other = (Space({"a": PowerOfTwo(1, 8, default=default)}) for default in (1, 8))

    assert one.fingerprint == other.fingerprint
    assert (one.default, other.default) == ({"a": 1}, {"a": 8})


def test_true_is_not_one() -> None:
    knob = Choice(1, True, "1")

    assert [knob.encode(value) for value in (1, True, "1")] == [0, 1, 2]
    with pytest.raises(ValueError, match="none of this knob's values"):
        Switch().encode(1)
    with pytest.raises(ValueError, match="none of this knob's values"):
        Range(0, 4).encode(True)


def test_a_broken_constraint_is_named() -> None:
    space = Space(
        {"tile": PowerOfTwo(16, 256), "stages": Range(1, 4)},
        {"tiles fit in shared memory": lambda candidate: int(candidate["tile"]) * int(candidate["stages"]) <= 256},
    )

    assert space.problem({"tile": 256, "stages": 1}) is None
    assert space.problem({"tile": 256, "stages": 2}) == "not tiles fit in shared memory"
    assert (
        space.problem({"tile": 17, "stages": 1})
        == "tile: 17 is none of this knob's values: PowerOfTwo(16, 32, 64, 128, 256)"
    )
    assert "the knobs are ['stages', 'tile']" in (space.problem({"tile": 16}) or "")
    assert {"tile": 256, "stages": 2} not in space.neighbours({"tile": 256, "stages": 1})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PowerOfTwo(3, 8), "powers of two"),
        (lambda: PowerOfTwo(16, 8), "powers of two"),
        (lambda: PowerOfTwo(1, 8, default=3), "none of this knob's values"),
        (lambda: Range(5, 4), "low <= high"),
        (lambda: Choice(), "a choice needs values"),
        (lambda: Choice(1.5), "a choice needs values"),
        (lambda: Choice("a", "a"), "each value once"),
        (lambda: Space({}), "at least one knob"),
        (lambda: Space({"a": Switch()}, {"never": lambda candidate: False}), "not never"),
    ],
)
def test_a_knob_that_makes_no_sense_is_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]


def test_constraints_that_hardly_anything_keeps_are_said() -> None:
    space = Space({"a": Range(0, 10**9)}, {"a is 0": lambda candidate: candidate["a"] == 0})

    with pytest.raises(ValueError, match="broke the constraints"):
        space.random(random.Random(1))
