from __future__ import annotations

import pytest

from inference.engine.errors import Refusal
from inference.engine.protocol import Generated
from inference.engine.request import Generation, State
from inference.engine.scheduler import PATIENCE_S, Scheduler
from tests.inference.engine.harness import Events
from tests.inference.engine.schedules import request, run, scheduler, step


def submitted(engine: Scheduler, *pairs: tuple[Generation, Events], now: float = 0.0) -> list[Events]:
    for owner, _ in pairs:
        engine.submit(owner, now)
    return [events for _, events in pairs]


def test_running_answers_never_wait_for_a_flood_of_prompts() -> None:
    engine = scheduler(4000, max_running=32, step_tokens=64)
    decoders = [request(4, 200, workspace=f"d{i}")[0] for i in range(8)]
    for decoder in decoders:
        engine.submit(decoder, 0.0)
    step(engine)
    for i in range(40):
        engine.submit(request(500, 4, workspace=f"p{i % 5}")[0], 0.0)

    for _ in range(150):
        computed = step(engine)
        assert {id(owner) for owner, _ in computed} >= {id(decoder) for decoder in decoders}
        assert sum(size for _, size in computed) <= 64


def test_a_newcomer_does_not_wait_for_a_place_that_a_flood_has_taken() -> None:
    engine = scheduler(4000, max_running=8, step_tokens=64, realtime_share=0.0)
    flood = [request(8, 100, workspace="flood")[0] for _ in range(12)]
    for owner in flood:
        engine.submit(owner, 0.0)
    step(engine)
    quiet = [request(8, 20, workspace=f"quiet{i}")[0] for i in range(3)]
    for owner in quiet:
        engine.submit(owner, 0.0)

    first = step(engine)
    then = step(engine)

    came = [owner for owner in quiet if owner in dict(first)]
    assert len(came) == 2, "a quarter of the places at most is squeezed in"
    assert set(dict(then)) == {*flood[:6], *came}, "the flood's youngest sit out"
    assert flood[7].choices[0].blocks, "with what they have"
    assert engine.preemptions == 0
    run(engine)
    assert all(owner.state is State.FINISHED for owner in (*flood, *quiet))
    assert engine.recomputed_tokens == 0


def test_a_floods_answers_make_way_for_the_prompt_of_somebody_else() -> None:
    engine = scheduler(4000, max_running=32, step_tokens=64, realtime_share=0.0)
    submitted(engine, *[request(2, 200, workspace="flood") for _ in range(30)])
    step(engine)
    assert len(step(engine)) == 30
    quiet, _ = request(60, 8, workspace="quiet")
    engine.submit(quiet, 0.0)

    computed = step(engine)

    assert dict(computed)[quiet] == 48, "the flood's answers left 34 of 64 tokens"
    assert len(computed) == 17, "and half of the places are its share"
    step(engine)
    assert len(step(engine)) == 31, "nobody sits out longer than that"


def test_a_prompt_of_the_flood_itself_makes_nobody_wait() -> None:
    engine = scheduler(4000, max_running=32, step_tokens=64, realtime_share=0.0)
    submitted(engine, *[request(2, 200, workspace=f"ws{i % 2}") for i in range(28)])
    step(engine)
    submitted(engine, request(60, 8, workspace="ws0"))

    assert sorted(size for _, size in step(engine)) == [1] * 28 + [36]


def test_nobody_is_squeezed_in_beyond_an_equal_share() -> None:
    engine = scheduler(4000, max_running=8, step_tokens=64, realtime_share=0.0)
    for number in range(8):
        engine.submit(request(8, 100, workspace=f"ws{number % 2}")[0], 0.0)
    step(engine)
    for number in range(8):
        engine.submit(request(8, 100, workspace=f"ws{number % 2}")[0], 0.0)
    engine.submit(request(8, 100, workspace="ws2", lane="batch")[0], 0.0)

    for _ in range(10):
        assert len(step(engine)) == 8
    assert engine.running == 8


def test_the_workspace_that_was_given_least_is_next() -> None:
    engine = scheduler(max_running=4, step_tokens=256)
    noisy = submitted(engine, *[request(8, 8, workspace="noisy") for _ in range(20)])
    quiet = submitted(engine, *[request(8, 8, workspace=f"quiet{i}") for i in range(2)])

    for _ in range(18):
        step(engine)

    assert all(isinstance(events.outcome, Generated) for events in quiet)
    assert sum(isinstance(events.outcome, Generated) for events in noisy) <= 6


def test_twice_the_weight_is_twice_the_tokens() -> None:
    engine = scheduler(max_running=4, step_tokens=64, max_waiting=1000, workspace_share=1.0)
    for _ in range(100):
        submitted(engine, request(16, 8, workspace="light"), request(16, 8, workspace="heavy", weight=2.0))
    served = {"light": 0, "heavy": 0}
    for _ in range(250):
        for owner, size in step(engine):
            served[owner.workspace] += size

    assert served["heavy"] / served["light"] == pytest.approx(2.0, rel=0.15)


def test_one_that_comes_back_has_not_saved_up_turns() -> None:
    engine = scheduler(max_running=1, step_tokens=64, max_waiting=1000, workspace_share=1.0)
    submitted(engine, request(4, 4, workspace="away"))
    run(engine)
    for _ in range(30):
        submitted(engine, request(16, 16, workspace="busy"))
    for _ in range(200):
        step(engine)

    assert engine.paid("standard", "away") < engine.paid("standard", "busy")
    submitted(engine, request(4, 4, workspace="away"))
    assert engine.paid("standard", "away") == engine.paid("standard", "busy")


def test_realtime_keeps_its_places_and_goes_first() -> None:
    engine = scheduler(max_running=20, step_tokens=64)
    submitted(engine, *[request(16, 100, workspace=f"w{i % 4}") for i in range(30)])
    for _ in range(20):
        assert len(step(engine)) <= 18

    urgent, events = request(100, 4, workspace="w0", lane="realtime")
    submitted(engine, (urgent, events))
    step(engine)
    step(engine)
    step(engine)
    assert urgent.generated >= 1


def test_batch_gets_its_floor_under_a_flood_and_no_more() -> None:
    engine = scheduler(4000, max_running=20, step_tokens=64, max_waiting=1000, workspace_share=1.0)
    served = {"standard": 0, "batch": 0}
    for i in range(400):
        for _ in range(2):
            if engine.waiting < 40:
                submitted(engine, request(60, 8, workspace=f"s{i % 3}"))
        if engine.waiting_in("batch") < 4:
            submitted(engine, request(60, 8, workspace="b", lane="batch"))
        for owner, size in step(engine):
            served[owner.lane] += size

    share = served["batch"] / (served["standard"] + served["batch"])
    assert 0.03 <= share <= 0.2


def test_a_large_head_is_passed_for_a_while_and_then_waited_for() -> None:
    engine = scheduler(21, max_running=8, step_tokens=256)
    submitted(engine, request(10, 100, workspace="a"))
    step(engine)
    large, events = request(200, 100, workspace="b")
    submitted(engine, (large, events), request(10, 10, workspace="c"))
    step(engine)
    assert engine.running == 2  # c went past b

    late, _ = request(10, 10, workspace="c")
    engine.submit(late, 1.0)
    for i in range(110):
        step(engine, PATIENCE_S + 1 + i)
        assert events.outcome is not None or large.state is State.RUNNING or late.state is State.QUEUED
    for i in range(220):
        step(engine, 200.0 + i)
    assert isinstance(events.outcome, Generated)
    assert late.state is State.FINISHED


def test_who_is_furthest_ahead_gives_way_and_is_computed_again() -> None:
    engine = scheduler(81, max_running=8, step_tokens=256)
    quiet = request(16, 600, workspace="quiet")
    greedy = [request(16, 600, workspace="greedy") for _ in range(2)]
    events = submitted(engine, quiet, *greedy)

    run(engine)

    assert engine.preemptions > 0
    assert [e.outcome.completion_tokens for e in events if isinstance(e.outcome, Generated)] == [600] * 3
    assert engine.running == engine.waiting == 0
    assert engine._memory._pool.free == engine._memory._pool.capacity
    assert engine._memory.promised == 0


def test_a_lone_request_grows_to_the_whole_cache() -> None:
    engine = scheduler(65, max_running=4, step_tokens=64)
    (events,) = submitted(engine, request(24, 1000, n=1))
    run(engine)
    assert isinstance(events.outcome, Generated)
    assert engine.preemptions == 0


def test_what_can_never_fit_and_a_full_queue_are_refused_at_the_door() -> None:
    engine = scheduler(11, max_running=2, max_waiting=3, workspace_share=1.0)
    for prompt, answer, n, status in [(161, 1, 1, 400), (16, 64, 3, 400), (100, 100, 2, 400)]:
        with pytest.raises(Refusal) as refusal:
            engine.submit(request(prompt, answer, n=n)[0], 0.0)
        assert refusal.value.error.status == status
    submitted(engine, *[request(4, 4) for _ in range(3)])
    with pytest.raises(Refusal) as refusal:
        engine.submit(request(4, 4, workspace="b")[0], 0.0)
    assert (refusal.value.error.status, refusal.value.error.code) == (503, "engine_overloaded")
    assert 1.0 <= (refusal.value.error.retry_after_s or 0) <= 1.25


def test_a_workspace_fills_only_its_share_of_the_queue() -> None:
    engine = scheduler(max_running=1, max_waiting=8, workspace_share=0.5)
    submitted(engine, *[request(4, 4) for _ in range(4)])
    with pytest.raises(Refusal) as refusal:
        engine.submit(request(4, 4)[0], 0.0)
    assert (refusal.value.error.status, refusal.value.error.code) == (429, "workspace_queue_full")
    submitted(engine, request(4, 4, workspace="other"))


def test_a_crowded_queue_has_a_place_for_whoever_has_none() -> None:
    engine = scheduler(max_running=1, max_waiting=12, workspace_share=0.5)
    refused = []
    for number in range(24):
        try:
            engine.submit(request(4, 4, workspace=f"flood{number % 3}")[0], 0.0)
        except Refusal as refusal:
            refused.append((refusal.error.status, refusal.error.code))

    assert engine.waiting == 9, "three floods take a quarter each, and a quarter is left"
    assert set(refused) == {(503, "engine_overloaded")}
    submitted(engine, *[request(4, 4, workspace=f"quiet{number}") for number in range(3)])
    with pytest.raises(Refusal):
        engine.submit(request(4, 4, workspace="too late")[0], 0.0)


def test_less_urgent_lanes_take_no_place_in_the_queue_from_more_urgent_ones() -> None:
    engine = scheduler(max_running=4, max_waiting=4, workspace_share=1.0)
    for lane in ("batch", "standard", "realtime"):
        submitted(engine, *[request(4, 4, lane=lane) for _ in range(4)])
        for fuller in ("batch", lane):
            with pytest.raises(Refusal) as refusal:
                engine.submit(request(4, 4, lane=fuller, workspace="b")[0], 0.0)
            assert refusal.value.error.code == "engine_overloaded"

    assert engine.waiting == 12


def test_a_workspace_may_have_a_tighter_bound_of_its_own() -> None:
    engine = scheduler(max_running=1)
    engine.submit(request(50, 4)[0], 0.0)
    step(engine)
    engine.submit(request(50, 4, queued_tokens=100)[0], 0.0)
    with pytest.raises(Refusal) as refusal:
        engine.submit(request(50, 4, queued_tokens=100)[0], 0.0)
    assert (refusal.value.error.status, refusal.value.error.code) == (429, "workspace_queue_full")
    assert refusal.value.error.retry_after_s is not None
    engine.submit(request(50, 4, workspace="b", queued_tokens=10)[0], 0.0)
    engine.submit(request(50, 4, queued_tokens=200)[0], 0.0)
    engine.submit(request(50, 4)[0], 0.0)


def test_the_queue_is_bounded_in_tokens_and_says_when_to_come_back() -> None:
    engine = scheduler(4000, max_running=1, step_tokens=10, max_waiting_tokens=2500, workspace_share=1.0)
    submitted(engine, request(500, 100), request(500, 100), request(500, 100))
    for i in range(60):
        step(engine, i * 1.0)
    submitted(engine, *[request(500, 100, workspace="b") for _ in range(2)], now=60.0)
    with pytest.raises(Refusal) as refusal:
        engine.submit(request(500, 100)[0], 60.0)

    assert refusal.value.error.code == "engine_overloaded"
    assert refusal.value.error.retry_after_s == 60.0  # 2,400 tokens at 10 a second would be 240; nobody waits for that


def test_a_deadline_that_cannot_be_met_is_refused_and_one_that_passes_ends_the_request() -> None:
    engine = scheduler(4000, max_running=1, step_tokens=8, workspace_share=1.0)
    submitted(engine, *[request(100, 100) for _ in range(5)])
    for i in range(30):
        step(engine, float(i))
    with pytest.raises(Refusal) as refusal:
        engine.submit(request(4, 4, workspace="b", deadline=40.0)[0], 30.0)
    assert refusal.value.error.code == "deadline_unreachable"

    late, events = request(4, 4, workspace="b", deadline=2000.0)
    engine.submit(late, 30.0)
    step(engine, 2000.0)
    assert events.outcome is not None
    assert engine.expired(3000.0) == []


def test_a_paused_request_keeps_its_place_while_nobody_needs_it() -> None:
    engine = scheduler(100)
    owner, events = request(4, 10)
    engine.submit(owner, 0.0)
    step(engine)
    owner.paused = True
    assert step(engine) == []
    assert engine.running == 1

    submitted(engine, request(4, 4, workspace="other"))
    step(engine)
    assert owner.state is State.QUEUED

    owner.paused = False
    run(engine)
    assert isinstance(events.outcome, Generated)
    assert events.outcome.completion_tokens == 10


def test_shared_prompt_blocks_are_freed_once_with_the_last_choice() -> None:
    engine = scheduler(100)
    pool = engine._memory._pool
    owner, _ = request(40, 8, n=3)
    engine.submit(owner, 0.0)
    step(engine)

    first, second, third = (choice.blocks for choice in owner.choices)
    assert first[:2] == second[:2] == third[:2]
    assert len({*first[2:], *second[2:], *third[2:]}) == 3
    engine.release(owner, owner.choices[1])
    assert pool.take_dirty() == second[2:]
    engine.remove(owner)
    assert sorted(pool.take_dirty()) == sorted({*first, *third})
    assert pool.free == pool.capacity
    engine.remove(owner)
    assert pool.take_dirty() == []


def test_deterministic_prompts_come_in_the_same_pieces_whatever_else_there_is() -> None:
    engine = scheduler(4000, max_running=16, step_tokens=100)
    owner, _ = request(200, 4, workspace="d", deterministic=True)
    submitted(engine, *[request(150, 20, workspace=f"w{i}") for i in range(5)])
    step(engine)
    engine.submit(owner, 0.0)

    pieces = [size for computed in run(engine) for who, size in computed if who is owner]

    assert pieces == [64, 64, 64, 8, 1, 1, 1]
