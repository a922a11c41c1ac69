from __future__ import annotations

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from inference.engine.blocks import BlockPool
from inference.engine.errors import Refusal
from inference.engine.protocol import Generated, Sampling
from inference.engine.request import Generation, State
from inference.engine.scheduler import PATIENCE_S, Limits, Scheduler
from inference.engine.tokenizer import Tokenizer
from tests.inference.engine import checkpoints
from tests.inference.engine.harness import Events, generation

TOKENIZER = Tokenizer(checkpoints.tokenizer(), None)


def request(prompt: int, answer: int, *, workspace: str = "a", n: int = 1) -> tuple[Generation, Events]:
    return generation(TOKENIZER, [5] * prompt, Sampling(n=n), workspace=workspace, max_tokens=answer)


def step(scheduler: Scheduler, now: float = 0.0) -> list[tuple[Generation, int]]:
    """One step as a worker makes it, every token drawn being 7; what was computed."""
    chunks = scheduler.plan(now)
    drawn = []
    for chunk in chunks:
        samples = chunk.samples
        choices = [chunk.choice]
        if samples and chunk.generation.sampling.n > 1 and len(chunk.generation.choices) == 1:
            scheduler.fork(chunk.generation)
            choices = chunk.generation.choices
        scheduler.advance(chunk)
        drawn += [(chunk.generation, choice) for choice in choices if samples]
    for owner, choice in drawn:
        delta = choice.accept(7, None)
        if delta is not None:
            owner.publish(choice, delta)
        if choice.finish_reason:
            scheduler.release(owner, choice, now)
            if all(other.finish_reason for other in owner.choices):
                owner.complete()
    return [(chunk.generation, chunk.end - chunk.start) for chunk in chunks]


def test_running_answers_never_wait_for_a_flood_of_prompts() -> None:
    scheduler = Scheduler(Limits(max_running=32, step_tokens=64), BlockPool(4000))
    decoders = [request(4, 200, workspace=f"d{i}")[0] for i in range(8)]
    for decoder in decoders:
        scheduler.submit(decoder, 0.0)
    step(scheduler)
    for i in range(40):
        scheduler.submit(request(500, 4, workspace=f"p{i % 5}")[0], 0.0)

    for _ in range(150):
        computed = step(scheduler)
        assert {id(owner) for owner, _ in computed} >= {id(decoder) for decoder in decoders}
        assert sum(size for _, size in computed) <= 64


def test_workspaces_take_turns() -> None:
    scheduler = Scheduler(Limits(max_running=4, step_tokens=256), BlockPool(1000))
    noisy = [request(8, 8, workspace="noisy") for _ in range(20)]
    quiet = [request(8, 8, workspace=f"quiet{i}") for i in range(2)]
    for owner, _ in noisy + quiet:
        scheduler.submit(owner, 0.0)

    for _ in range(9):
        step(scheduler)

    assert all(isinstance(events.outcome, Generated) for _, events in quiet)
    assert sum(isinstance(events.outcome, Generated) for _, events in noisy) == 2


def test_a_large_head_is_passed_for_a_while_and_then_waited_for() -> None:
    scheduler = Scheduler(Limits(max_running=8, step_tokens=256), BlockPool(21))
    scheduler.submit(request(10, 100, workspace="a")[0], 0.0)
    step(scheduler)
    large, events = request(200, 100, workspace="b")
    scheduler.submit(large, 0.0)
    scheduler.submit(request(10, 10, workspace="c")[0], 0.0)
    step(scheduler, 0.0)
    assert scheduler.running == 2  # c went past b

    late, _ = request(10, 10, workspace="c")
    scheduler.submit(late, 1.0)
    for i in range(110):
        step(scheduler, PATIENCE_S + 1 + i)
        assert events.outcome is not None or large.state is State.RUNNING or late.state is State.QUEUED
    for i in range(110):
        step(scheduler, 200.0 + i)
    assert isinstance(events.outcome, Generated)
    assert late.state is State.FINISHED


def test_what_can_never_fit_and_a_full_queue_are_refused_at_the_door() -> None:
    scheduler = Scheduler(Limits(max_running=2, max_waiting=3), BlockPool(11))
    for prompt, answer, n, status in [(161, 1, 1, 400), (16, 64, 3, 400), (100, 100, 2, 400)]:
        with pytest.raises(Refusal) as refusal:
            scheduler.submit(request(prompt, answer, n=n)[0], 0.0)
        assert refusal.value.error.status == status
    for _ in range(3):
        scheduler.submit(request(4, 4)[0], 0.0)
    with pytest.raises(Refusal) as refusal:
        scheduler.submit(request(4, 4)[0], 0.0)
    assert refusal.value.error.status == 503
    assert refusal.value.error.retry_after_s == 1.0

    for i in range(40):
        step(scheduler, i * 2.0)
    for _ in range(3):
        scheduler.submit(request(4, 4)[0], 100.0)
    assert scheduler.retry_after() > 1.0


def test_a_paused_request_keeps_its_place_and_goes_on() -> None:
    scheduler = Scheduler(Limits(), BlockPool(100))
    owner, events = request(4, 10)
    scheduler.submit(owner, 0.0)
    step(scheduler)
    owner.paused = True
    assert step(scheduler) == []
    assert scheduler.running == 1

    owner.paused = False
    for _ in range(10):
        step(scheduler)
    assert isinstance(events.outcome, Generated)


def test_shared_prompt_blocks_are_freed_once_with_the_last_choice() -> None:
    pool = BlockPool(100)
    scheduler = Scheduler(Limits(), pool)
    owner, _ = request(40, 8, n=3)
    scheduler.submit(owner, 0.0)
    step(scheduler)

    first, second, third = (choice.blocks for choice in owner.choices)
    assert first[:2] == second[:2] == third[:2]
    assert len({*first[2:], *second[2:], *third[2:]}) == 3
    assert scheduler.release(owner, owner.choices[1], 0.0) == second[2:]
    assert sorted(scheduler.remove(owner)) == sorted({*first, *third})
    assert pool.free == pool.capacity
    assert scheduler.remove(owner) == []


def test_releasing_or_sharing_a_free_block_is_an_error() -> None:
    pool = BlockPool(4)
    blocks = pool.allocate(2)
    pool.release(blocks)
    with pytest.raises(ValueError, match="twice"):
        pool.release(blocks)
    with pytest.raises(ValueError, match="free"):
        pool.share(blocks)
    with pytest.raises(ValueError, match="free"):
        pool.allocate(4)


class SchedulerMachine(RuleBasedStateMachine):
    """Whatever comes in whatever order: blocks add up, nobody shares what they should not, everyone ends once."""

    @initialize(blocks=st.integers(8, 40), running=st.integers(1, 6), budget=st.integers(8, 40))
    def begin(self, blocks: int, running: int, budget: int) -> None:
        self.pool = BlockPool(blocks)
        self.scheduler = Scheduler(Limits(max_running=running, max_waiting=6, step_tokens=budget), self.pool)
        self.requests: list[tuple[Generation, Events]] = []
        self.now = 0.0

    @rule(prompt=st.integers(1, 70), answer=st.integers(1, 40), workspace=st.sampled_from("abc"), n=st.integers(1, 3))
    def submit(self, prompt: int, answer: int, workspace: str, n: int) -> None:
        owner, events = request(prompt, answer, workspace=workspace, n=n)
        try:
            self.scheduler.submit(owner, self.now)
        except Refusal as refusal:
            owner.finish(refusal.error)
        self.requests.append((owner, events))

    @rule(steps=st.integers(1, 12))
    def work(self, steps: int) -> None:
        for _ in range(steps):
            self.now += 0.5
            step(self.scheduler, self.now)

    @rule(pick=st.randoms(use_true_random=False))
    def cancel(self, pick: random.Random) -> None:
        if self.requests:
            owner, _ = pick.choice(self.requests)
            self.scheduler.remove(owner)
            owner.cancel()

    @invariant()
    def blocks_add_up(self) -> None:
        if not hasattr(self, "pool"):
            return
        held: dict[int, set[int]] = {}
        for owner, _ in self.requests:
            for choice in owner.choices:
                for block in choice.blocks:
                    held.setdefault(block, set()).add(id(owner))
        set_aside = sum(len(tail) for seat in self.scheduler._running.values() for tail in seat.tails)
        assert 0 not in held
        assert all(len(owners) == 1 for owners in held.values())
        assert len(held) + set_aside + self.pool.free == self.pool.capacity
        assert all((owner.state is State.FINISHED) == (events.outcome is not None) for owner, events in self.requests)

    def teardown(self) -> None:
        if hasattr(self, "pool"):
            for _ in range(5000):
                self.now += 0.5
                if not step(self.scheduler, self.now):
                    break
            assert all(events.outcome is not None for _, events in self.requests)
            assert self.pool.free == self.pool.capacity
            assert self.scheduler.running == self.scheduler.waiting == 0


SchedulerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_any_order_of_events = SchedulerMachine.TestCase
