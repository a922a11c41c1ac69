from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle, repeat

import pytest

from inference.engine.pools import Choice

Seconds = Callable[[int, bool], float]
"""Of a step of so many tokens, on one thread or on all."""


def ran(choice: Choice, steps: Sequence[int], seconds: Seconds) -> list[bool]:
    """Of each step, whether all threads took it."""
    ways = []
    for tokens in steps:
        ways.append(choice.all(tokens))
        choice.took(tokens, seconds(tokens, ways[-1]))
    return ways


def quicker_by(gain: float) -> Seconds:
    """All threads, by so much."""
    return lambda tokens, together: 0.01 if together else 0.01 * gain


@pytest.mark.parametrize(("at_first", "then", "together"), [(0.7, 1.4, True), (1.4, 0.7, False)])
def test_what_was_chosen_on_a_busy_machine_is_chosen_again(at_first: float, then: float, together: bool) -> None:
    choice = Choice(at_first)
    assert choice.together != together

    ways = ran(choice, [1] * 1000, quicker_by(then))

    assert choice.together == together
    assert ways[-500:].count(together) > 460


@pytest.mark.parametrize("gain", [0.5, 1.4, 2.9])
def test_looking_costs_little(gain: float) -> None:
    choice, seconds = Choice(gain), quicker_by(gain)

    ways = ran(choice, [1] * 5000, seconds)

    best = min(seconds(1, together) for together in (False, True))
    assert sum(seconds(1, way) for way in ways) <= 1.03 * 5000 * best
    assert ways.count(not choice.together) > 0


def test_nobody_waits_for_a_look_that_is_long() -> None:
    assert all(ran(Choice(8.0), [64] * 5000, quicker_by(8.0)))


def test_one_slow_step_in_four_changes_nothing() -> None:
    stutter = cycle([1.0, 1.0, 1.0, 5.0])
    choice = Choice(1.4)

    ran(choice, [1] * 20_000, lambda tokens, together: (0.01 if together else 0.014) * next(stutter))

    assert choice.together


def test_steps_of_other_sizes_are_not_held_against_one_another() -> None:
    sizes = cycle([20, 64])
    choice = Choice(1.4)

    ways = ran(choice, [next(sizes) for _ in range(2000)], lambda tokens, together: tokens * 0.001)

    assert all(ways)


def test_a_little_more_or_less_is_counted_by_the_token() -> None:
    sizes = cycle([60, 62, 64])
    choice = Choice(0.7)

    ran(choice, [next(sizes) for _ in range(2000)], lambda tokens, together: tokens * (0.001 if together else 0.002))

    assert choice.together


def test_a_wrong_beginning_is_over_soon() -> None:
    choice = Choice(0.9)

    ran(choice, list(repeat(1, 50)), quicker_by(1.4))

    assert choice.together
