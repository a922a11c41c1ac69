from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.engine.batch_queue import Batch, BatchQueue, Item, QueueFull
from inference.engine.lanes import LANES
from inference.engine.window import PRESETS, Hold, Window, bucket

BATCH = 300


def item(size: int = 10, **given: Any) -> Item[str]:
    return Item(
        **{
            "payload": "",
            "workspace": "a",
            "lane": "standard",
            "window": PRESETS["balanced"],
            "size": size,
            "arrived": 0.0,
            **given,
        }
    )


def batches(queue: BatchQueue[str], now: float = 0.0) -> Iterator[list[Item[str]]]:
    while isinstance(batch := queue.next_batch(now), Batch):
        yield batch.items


@st.composite
def work(draw: st.DrawFn) -> Item[str]:
    return item(
        draw(st.integers(1, 400)),
        workspace=draw(st.sampled_from("abc")),
        lane=draw(st.sampled_from(LANES)),
        window=draw(st.sampled_from(list(PRESETS.values()))),
        model=draw(st.sampled_from(["m", "n"])),
        max_tokens=draw(st.sampled_from([0, 100, 1000])),
        weight=draw(st.sampled_from([0.5, 1.0, 4.0])),
        deadline=draw(st.none() | st.floats(0, 2)),
    )


actions = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.lists(work(), min_size=1, max_size=8)),
        st.tuples(st.just("batch"), st.booleans()),
        st.tuples(st.just("remove"), st.integers(0, 50)),
        st.tuples(st.just("wait"), st.floats(0.0, 0.03)),
    ),
    max_size=25,
)


@settings(max_examples=100, deadline=None)
@given(actions, st.booleans())
def test_every_item_leaves_once_and_every_batch_keeps_its_bounds(steps: list[Any], padded: bool) -> None:
    queue = BatchQueue[str](batch_size=BATCH, max_waiting=40, padded=padded)
    now, inside, left = 0.0, [], Counter[int]()

    def take(busy: bool) -> bool:
        for late in queue.expire(now):
            assert late.deadline is not None and late.deadline <= now
            left[late.serial] += 1
            inside.remove(late)
        depth = len(queue)
        decision = queue.next_batch(now, busy=busy)
        if isinstance(decision, Hold):
            assert busy or not inside
            assert all(
                now < decision.until <= waiting.arrived + waiting.window.batch_window_ms / 1000 for waiting in inside
            )
            return False
        found, first = decision.items, decision.items[0]
        assert len(found) <= first.window.limit(depth)
        cost = len(found) * max(i.size for i in found) if padded else sum(i.size for i in found)
        assert cost <= BATCH or len(found) == 1
        assert len({i.model for i in found}) == 1
        assert all(LANES.index(i.lane) <= LANES.index(first.lane) for i in found)
        if "prompt_len_bucket" in first.window.group_by:
            assert len({bucket(i.size) for i in found}) == 1
        if "max_tokens_bucket" in first.window.group_by:
            assert len({bucket(i.max_tokens) for i in found}) == 1
        for i in found:
            left[i.serial] += 1
            inside.remove(i)
        return True

    for action, value in steps:
        if action == "submit":
            for new in value:
                new.arrived = now
            try:
                queue.submit(value)
            except QueueFull:
                assert len(inside) + len(value) > 40
            else:
                inside += value
        elif action == "batch":
            take(value)
        elif action == "remove" and inside:
            gone = inside.pop(value % len(inside))
            assert queue.remove(gone)
            assert not queue.remove(gone)
            left[gone.serial] += 1
        elif action == "wait":
            now += value
        assert len(queue) == len(inside)
    while take(False):
        pass

    assert len(queue) == 0 and not inside
    assert set(left.values()) <= {1}
    assert queue.next_batch(now) == Hold(inf)
    assert sum(queue.flushes.reasons.values()) == sum(queue.flushes.sizes.values())


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 200), st.sampled_from([1.0, 2.0])), min_size=2, max_size=4),
    st.sampled_from(list(PRESETS.values())),
)
def test_backlogged_workspaces_share_by_weight(shares: list[tuple[int, float]], window: Window) -> None:
    queue = BatchQueue[str](batch_size=1000)
    for number, (size, weight) in enumerate(shares):
        queue.submit([item(size, workspace=str(number), weight=weight, window=window) for _ in range(300)])
    received = dict.fromkeys(map(str, range(len(shares))), 0.0)

    for _ in range(40):
        batch = queue.next_batch(0.0)
        assert isinstance(batch, Batch)
        for taken in batch.items:
            received[taken.workspace] += taken.size / taken.weight
        queue.submit([dataclasses.replace(taken) for taken in batch.items])

    # In one bucket of lengths every batch can be shared; across buckets a whole batch may be one workspace's.
    assert max(received.values()) - min(received.values()) <= 2 * 1000 + 400


def test_company_is_of_near_length_and_the_oldest_goes_first() -> None:
    queue = BatchQueue[str](batch_size=1000)
    window = Window(batch_window_ms=5, max_batch_size=3, group_by=(), p95_budget_ms=100)
    queue.submit([item(size, window=window) for size in (50, 10, 90, 52, 11, 45, 88)])

    assert [[i.size for i in batch] for batch in batches(queue)] == [[50, 52, 45], [10, 11, 88], [90]]


def test_no_item_is_passed_over_for_ever() -> None:
    queue = BatchQueue[str](batch_size=1000)
    odd = item(200, workspace="a")
    # Sizes with which b is behind by one whenever a batch begins, so that a's turn never comes at a beginning.
    queue.submit([item(16, workspace="a"), odd, *(item(15, workspace="a") for _ in range(20))])
    queue.submit([item(1, workspace="b") for _ in range(40)])
    waited = 0
    while isinstance(batch := queue.next_batch(0.0), Batch) and odd not in batch.items and waited < 100:
        queue.submit([item(15 if taken.workspace == "a" else 1, workspace=taken.workspace) for taken in batch.items])
        waited += 1

    assert waited < 40


def test_lanes_go_first_but_each_has_a_floor() -> None:
    queue = BatchQueue[str](batch_size=10)
    for lane in LANES:
        queue.submit([item(10, lane=lane) for _ in range(400)])
    begun = Counter(batch[0].lane for batch, _ in zip(batches(queue), range(200), strict=False))

    assert begun["realtime"] >= 140
    assert 30 <= begun["standard"] <= 50
    assert begun["batch"] >= 9


def test_lower_lanes_ride_along_only_as_far_as_allowed() -> None:
    queue = BatchQueue[str](batch_size=100, ride_size=30)
    queue.submit([item(10, lane="realtime"), *(item(10, lane="batch") for _ in range(9))])
    first, second = batches(queue)

    assert [i.lane for i in first] == ["realtime", "batch", "batch"]
    assert {i.lane for i in second} == {"batch"}


def test_a_realtime_item_flushes_what_another_window_would_hold() -> None:
    queue = BatchQueue[str](batch_size=100)
    queue.submit([item(window=PRESETS["high-throughput"])])
    held = queue.next_batch(0.001, busy=True)
    queue.submit([item(lane="realtime", window=PRESETS["low-latency"], arrived=0.001)])
    flushed = queue.next_batch(0.001, busy=True)

    assert held == Hold(0.018)
    assert isinstance(flushed, Batch) and flushed.items[0].lane == "realtime"
    assert queue.flushes.reasons == {("low-latency", "realtime"): 1}
    assert queue.flushes.sizes == {("low-latency", 1): 1}
    assert queue.next_batch(0.001, busy=True) == Hold(0.018)


def test_a_full_queue_takes_nothing_of_what_does_not_fit() -> None:
    queue = BatchQueue[str](batch_size=10, max_waiting=3)
    queue.submit([item() for _ in range(5)])
    with pytest.raises(QueueFull):
        queue.submit([item()])
    assert len(queue) == 5


def test_a_late_deadline_of_a_gone_item_is_forgotten() -> None:
    queue = BatchQueue[str](batch_size=10)
    kept = item(deadline=1e9)
    queue.submit([kept])
    for _ in range(1000):
        gone = item(deadline=1e9)
        queue.submit([gone])
        queue.remove(gone)

    assert len(queue._deadlines) < 100
    assert queue.expire(1e8) == [] and queue.expire(1e9) == [kept]
