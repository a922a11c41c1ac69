"""The circuit breaker, against a model of it that keeps every ending."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from inference.gateway.breaker import FEWEST, LONGEST_OPEN_S, OPEN_S, SHARE, WINDOW_S, CircuitBreaker, State


def _ending(breaker: CircuitBreaker, failed: bool | None, now: float) -> bool:
    ticket = breaker.enter(now)
    assert ticket is not None
    return breaker.leave(ticket, failed, now)


def _opened(now: float = 100.0) -> CircuitBreaker:
    breaker = CircuitBreaker()
    for _ in range(FEWEST):
        _ending(breaker, True, now)
    assert breaker.state is State.OPEN
    return breaker


def test_it_opens_at_half_of_twenty_and_not_before() -> None:
    breaker = CircuitBreaker()
    said = [_ending(breaker, number % 2 == 1, 50.0 + number / 10) for number in range(FEWEST)]

    assert said == [False] * (FEWEST - 1) + [True]
    assert breaker.enter(52.0) is None
    assert breaker.retry_after_s(52.0) == pytest.approx(OPEN_S - 0.1)


def test_fewer_than_half_never_open_it() -> None:
    breaker = CircuitBreaker()
    for number in range(500):
        _ending(breaker, number % 5 in (1, 3), 50.0 + number / 20)

    assert breaker.state is State.CLOSED


def test_what_failed_long_ago_is_forgotten() -> None:
    breaker = CircuitBreaker()
    for _ in range(FEWEST - 1):
        _ending(breaker, True, 50.0)
    _ending(breaker, True, 50.0 + WINDOW_S)

    assert breaker.state is State.CLOSED


def test_half_open_lets_one_through_and_believes_it() -> None:
    breaker = _opened(100.0)

    assert breaker.enter(100.0 + OPEN_S - 0.01) is None
    probe = breaker.enter(100.0 + OPEN_S)
    assert probe is not None
    assert breaker.state is State.HALF_OPEN
    assert breaker.enter(100.0 + OPEN_S) is None
    assert not breaker.leave(probe, False, 100.0 + OPEN_S)
    assert breaker.state is State.CLOSED
    # What was counted before it opened is not held against it
    assert not _ending(breaker, True, 105.1)


def test_a_probe_that_says_nothing_makes_room_for_another() -> None:
    breaker = _opened(100.0)
    probe = breaker.enter(105.0)
    assert probe is not None
    breaker.leave(probe, None, 105.0)

    assert breaker.state is State.HALF_OPEN
    assert breaker.enter(105.0) is not None


def test_each_failed_probe_doubles_the_pause() -> None:
    breaker, now = _opened(100.0), 100.0
    pauses = []
    for _ in range(6):
        pause = breaker.retry_after_s(now)
        pauses.append(pause)
        now += pause
        assert _ending(breaker, True, now)

    assert pauses == [5.0, 10.0, 20.0, 40.0, LONGEST_OPEN_S, LONGEST_OPEN_S]


def test_a_late_ending_decides_nothing() -> None:
    breaker = CircuitBreaker()
    late = breaker.enter(99.0)
    assert late is not None
    for _ in range(FEWEST):
        _ending(breaker, True, 100.0)
    probe = breaker.enter(106.0)
    assert probe is not None

    assert not breaker.leave(late, True, 106.0)
    assert breaker.state is State.HALF_OPEN
    assert breaker.enter(106.0) is None
    assert not breaker.leave(late, False, 106.0)
    assert breaker.state is State.HALF_OPEN


class Breaking(RuleBasedStateMachine):
    """Requests begin, end in any order, and time passes; the model recounts all endings each time."""

    @initialize()
    def start(self) -> None:
        self.breaker = CircuitBreaker()
        self.now = 1000.0
        self.running: list[tuple[int, int]] = []
        """Tickets, each with the number of the period in which it was given."""
        self.period = 0
        self.endings: list[tuple[int, bool]] = []
        self.state = State.CLOSED
        self.until = 0.0
        self.pause = OPEN_S
        self.probes = 0

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.0, 4.9, 5.0, 11.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def begin(self) -> None:
        if self.state is State.OPEN and self.now >= self.until:
            self._turn(State.HALF_OPEN)
        allowed = self.state is State.CLOSED or (self.state is State.HALF_OPEN and not self.probes)
        ticket = self.breaker.enter(self.now)
        assert (ticket is not None) == allowed
        if ticket is None:
            assert self.breaker.retry_after_s(self.now) > 0
            return
        self.probes += self.state is State.HALF_OPEN
        self.running.append((ticket, self.period))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), failed=st.sampled_from([True, True, False, None]))
    def end(self, data: st.DataObject, failed: bool | None) -> None:
        ticket, period = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self._end(ticket, period, failed)

    @precondition(lambda self: self.state is State.CLOSED)
    @rule(failures=st.integers(0, 20), successes=st.integers(0, 20))
    def many(self, failures: int, successes: int) -> None:
        for failed in [True] * failures + [False] * successes:
            if self.state is State.CLOSED:
                ticket = self.breaker.enter(self.now)
                assert ticket is not None
                self._end(ticket, self.period, failed)

    def _end(self, ticket: int, period: int, failed: bool | None) -> None:
        opened = self._expect(period, failed)
        assert self.breaker.leave(ticket, failed, self.now) == opened

    def _expect(self, period: int, failed: bool | None) -> bool:
        if period != self.period:
            return False
        if self.state is State.HALF_OPEN:
            self.probes = 0
            if failed is False:
                self.pause = OPEN_S
                self._turn(State.CLOSED)
            elif failed:
                self.pause = min(2 * self.pause, LONGEST_OPEN_S)
                self._open()
                return True
            return False
        if failed is None:
            return False
        self.endings.append((int(self.now), failed))
        recent = [ended for second, ended in self.endings if second > int(self.now) - WINDOW_S]
        if len(recent) >= FEWEST and sum(recent) >= SHARE * len(recent):
            self._open()
            return True
        return False

    def _open(self) -> None:
        self.until = self.now + self.pause
        self._turn(State.OPEN)

    def _turn(self, state: State) -> None:
        self.state = state
        self.period += 1
        self.probes = 0
        self.endings.clear()

    @invariant()
    def same_state(self) -> None:
        assert self.breaker.state is self.state


TestBreaking = Breaking.TestCase
TestBreaking.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
