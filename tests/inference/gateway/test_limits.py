"""The limits of a workspace: in one process exactly, in several within the bound that `inference.gateway.limits` states."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from inference.gateway.limits import SLICES, Bucket, Limiter
from workspaces.contracts import ServingInfo
from workspaces.serving import CacheScope, Lane

USUAL = ServingInfo(None, CacheScope.WORKSPACE, tuple(Lane), 10, 20, 600, 6000, None, 100)


def _limiter(serving: ServingInfo = USUAL, parts: int = 1) -> Limiter:
    return Limiter(uuid4(), serving, parts, 0.0)


def test_places_are_counted_and_some_are_kept_for_realtime() -> None:
    limiter = _limiter()
    standard = [limiter.enter(0.0, realtime=False) for _ in range(9)]
    realtime = [limiter.enter(0.0, realtime=True) for _ in range(3)]

    assert standard[:8] == [None] * 8
    assert realtime[:2] == [None] * 2
    refused = [standard[8], realtime[2]]
    assert [refusal.reason for refusal in refused if refusal] == ["concurrency", "concurrency"]
    limiter.leave(0.5)
    assert limiter.enter(0.0, realtime=False) is not None
    assert limiter.enter(0.0, realtime=True) is None


def test_a_refused_request_costs_nothing() -> None:
    limiter = _limiter(replace(USUAL, concurrency=1, realtime_reserve_percent=0))
    assert limiter.enter(0.0, realtime=False) is None
    for _ in range(500):
        assert limiter.enter(0.0, realtime=False) is not None
    limiter.leave(0.1)
    assert limiter.enter(0.0, realtime=False) is None


def test_the_wait_for_a_place_follows_how_long_requests_take() -> None:
    limiter = _limiter()
    for lasted_s in [8.0] * 60:
        assert limiter.enter(0.0, realtime=True) is None
        limiter.leave(lasted_s)
    limiter.requests.give_back(60)
    for _ in range(10):
        limiter.enter(0.0, realtime=True)
    refusal = limiter.enter(0.0, realtime=True)

    assert refusal is not None
    assert refusal.retry_after_s == pytest.approx(0.8, rel=0.05)


def test_the_rate_is_the_rate_and_the_wait_is_right() -> None:
    bucket = Bucket(60, 1, 0.0)
    assert [bucket.take(1, 0.0) for _ in range(10)] == [0.0] * 10
    wait = bucket.take(1, 0.0)
    assert wait == pytest.approx(1.0)
    assert bucket.take(1, wait - 0.01) > 0
    assert bucket.take(1, wait) == 0


def test_a_request_larger_than_the_bucket_comes_when_it_is_full_and_is_owed() -> None:
    bucket = Bucket(600, 1, 0.0)
    assert bucket.take(1, 0.0) == 0
    assert bucket.take(1000, 0.0) == pytest.approx(0.1)
    assert bucket.take(1000, 0.1) == 0
    assert bucket.take(1, 0.1) == pytest.approx(90.1)


def test_what_was_not_used_is_given_back_and_what_was_used_more_is_owed() -> None:
    bucket = Bucket(600, 1, 0.0)
    assert bucket.take(100, 0.0) == 0
    bucket.give_back(60)
    assert bucket.whole(0.0) == 60
    bucket.give_back(-80)
    assert bucket.whole(0.0) == -20
    assert bucket.take(1, 0.0) == pytest.approx(2.1)


def test_a_changed_limit_gives_nothing_back() -> None:
    limiter = _limiter()
    while limiter.enter(0.0, realtime=True) is None:
        limiter.leave(0.1)
    limiter.configure(replace(USUAL, requests_per_minute=6000, concurrency=2), 1)
    refusal = limiter.enter(0.0, realtime=True)
    assert refusal is not None
    assert refusal.reason == "requests"
    assert [limiter.enter(1.0, realtime=True) for _ in range(2)] == [None, None]
    assert limiter.enter(1.0, realtime=True) is not None


@pytest.mark.parametrize("processes", [2, 3, 40])
def test_alone_each_process_has_its_share_and_at_least_one(processes: int) -> None:
    limiters = [_limiter(replace(USUAL, realtime_reserve_percent=0), processes) for _ in range(processes)]
    started = sum(limiter.enter(0.0, realtime=False) is None for limiter in limiters for _ in range(20))

    assert started == max(processes, 10 // processes * processes)


class Sharing(RuleBasedStateMachine):
    """Processes that spend, wait, and hear of each other in any order, through an exact account of what all have left."""

    @initialize(processes=st.integers(1, 6), per_minute=st.integers(1, 3000), concurrency=st.integers(1, 60))
    def start(self, processes: int, per_minute: int, concurrency: int) -> None:
        self.processes = processes
        self.parts = 1 if processes == 1 else processes * SLICES
        serving = replace(USUAL, requests_per_minute=per_minute, concurrency=concurrency, realtime_reserve_percent=0)
        self.limiters = [Limiter(uuid4(), serving, self.parts, 0.0) for _ in range(processes)]
        self.burst, self.rate = max(1, per_minute // 6), per_minute / 60
        self.concurrency = concurrency
        self.now = 0.0
        self.level, self.level_at = float(self.burst), 0.0
        self.running = [0] * processes
        """As last reported."""
        self.started = 0
        self.token_level = 1000.0
        """6000 a minute."""
        self.tokens = 0
        self.largest = 0

    @rule(seconds=st.sampled_from([0.001, 0.1, 1.0, 7.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(data=st.data(), times=st.integers(1, 80), stay=st.booleans())
    def ask(self, data: st.DataObject, times: int, stay: bool) -> None:
        limiter = self.limiters[data.draw(st.integers(0, self.processes - 1))]
        for _ in range(times):
            if limiter.enter(self.now, realtime=False) is None:
                self.started += 1
                if not stay:
                    limiter.leave(0.1)

    @rule(data=st.data(), cost=st.integers(1, 3000), times=st.integers(1, 5))
    def spend(self, data: st.DataObject, cost: int, times: int) -> None:
        limiter = self.limiters[data.draw(st.integers(0, self.processes - 1))]
        for _ in range(times):
            if limiter.spend(cost, self.now) is None:
                self.tokens += cost
                self.largest = max(self.largest, cost)

    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        limiter = self.limiters[data.draw(st.integers(0, self.processes - 1))]
        while limiter.in_flight:
            limiter.leave(0.1)

    @rule(data=st.data())
    def hear(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, self.processes - 1))
        limiter = self.limiters[number]
        self.level = min(self.burst, self.level + (self.now - self.level_at) * self.rate) - limiter.requests.spent
        self.token_level = min(1000.0, self.token_level + (self.now - self.level_at) * 100) - limiter.tokens.spent
        self.level_at = self.now
        limiter.requests.spent = limiter.tokens.spent = 0.0
        self.running[number] = limiter.in_flight
        elsewhere = sum(self.running) - limiter.in_flight
        limiter.share(self.level, self.token_level, elsewhere, limiter.in_flight, self.parts, self.now)

    @invariant()
    def within_the_bound(self) -> None:
        over = 0 if self.processes == 1 else max(self.processes, self.burst / SLICES)
        assert self.started <= self.burst + self.rate * self.now + over + 1e-3
        over = self.largest if self.processes == 1 else max(self.processes * self.largest, 1000 / SLICES)
        assert self.tokens <= 1000 + 100 * self.now + over + 1e-3
        over = 0 if self.processes == 1 else max(self.processes, self.concurrency / SLICES)
        assert sum(limiter.in_flight for limiter in self.limiters) <= self.concurrency + over


TestSharing = Sharing.TestCase
TestSharing.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)


@settings(max_examples=100, deadline=None)
@given(processes=st.integers(2, 5), per_minute=st.integers(60, 6000))
def test_one_busy_process_gets_the_whole_rate(processes: int, per_minute: int) -> None:
    limiter = Limiter(uuid4(), replace(USUAL, requests_per_minute=per_minute), processes * SLICES, 0.0)
    burst, rate = per_minute // 6, per_minute / 60
    level, started, now = float(burst), 0, 0.0
    while now < 60:
        now += 0.1
        while limiter.enter(now, realtime=True) is None:
            limiter.leave(0.01)
            started += 1
        level = min(burst, level + 0.1 * rate) - limiter.requests.spent
        limiter.requests.spent = 0.0
        limiter.share(level, 1e9, 0, 0, processes * SLICES, now)

    assert started >= 0.9 * per_minute
