from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.runtime.slow import Drift, Slow


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_alarm_is_on_while_too_many_calls_are_slow() -> None:
    clock = Clock()
    drift = Drift(window=60, threshold=0.1, least=10, clock=clock)

    for slow in [None] * 8 + [Slow.NO_BUCKET]:
        drift.count(slow)
    assert not drift.alarm  # nine calls say nothing yet
    drift.count(Slow.REFERENCE)
    assert drift.alarm and drift.rate == 0.2
    assert drift.slow_path_total == {Slow.NO_BUCKET: 1, Slow.REFERENCE: 1}

    clock.now = 61
    assert not drift.alarm and drift.rate == 0
    assert drift.slow_path_total[Slow.NO_BUCKET] == 1


@settings(max_examples=50, deadline=None)
@given(calls=st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=60))
def test_the_rate_is_that_of_the_window(calls: list[tuple[float, bool]]) -> None:
    clock = Clock()
    drift = Drift(window=60, clock=clock)
    seen = []

    for pause, slow in calls:
        clock.now += pause
        drift.count(Slow.NO_BUCKET if slow else None)
        seen.append((clock.now, slow))
        inside = [slow for at, slow in seen if at >= clock.now - 60]
        assert drift.rate == sum(inside) / len(inside)
