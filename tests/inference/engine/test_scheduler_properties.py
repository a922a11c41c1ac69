"""Whatever comes in whatever order: blocks add up, nobody shares what they should not, everyone ends once, turns stay fair."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from inference.engine.admission import Limits
from inference.engine.blocks import BLOCK_TOKENS, BlockPool
from inference.engine.errors import Refusal
from inference.engine.fairqueue import OUTPUT_PRICE
from inference.engine.lanes import LANES
from inference.engine.prefix import PrefixIndex
from inference.engine.request import EXPECTED_ANSWER, Generation, State
from inference.engine.scheduler import Scheduler
from tests.inference.engine.harness import Events
from tests.inference.engine.schedules import request, step

STEPS = {"made": 0}
WORKSPACES = "abc"


class SchedulerMachine(RuleBasedStateMachine):
    @initialize(
        blocks=st.integers(8, 60), running=st.integers(1, 12), budget=st.integers(16, 200), quota=st.integers(0, 40)
    )
    def begin(self, blocks: int, running: int, budget: int, quota: int) -> None:
        self.index = PrefixIndex(quota)
        self.pool = BlockPool(blocks, self.index)
        self.scheduler = Scheduler(Limits(max_running=running, max_waiting=8, step_tokens=budget), self.pool)
        self.requests: list[tuple[Generation, Events]] = []
        self.now = 0.0
        self.content: dict[int, tuple[str, tuple[int, ...]]] = {}

    @rule(
        prompt=st.integers(1, 150),
        common=st.integers(0, 150),
        answer=st.integers(1, 400),
        workspace=st.sampled_from(WORKSPACES),
        lane=st.sampled_from(LANES),
        n=st.sampled_from([1, 1, 1, 2, 3]),
        cache=st.sampled_from(["workspace", "workspace", "key", "request"]),
        weight=st.sampled_from([1.0, 1.0, 2.0]),
        deterministic=st.sampled_from([False, False, True]),
        wait=st.sampled_from([None, None, 3.0, 60.0]),
    )
    def submit(self, prompt: int, common: int, wait: float | None, **given: Any) -> None:
        shared = min(prompt, common)
        tokens = [9] * shared + [10 + len(self.requests)] * (prompt - shared)
        deadline = None if wait is None else self.now + wait
        owner, events = request(tokens, given.pop("answer"), deadline=deadline, key="k", **given)
        try:
            self.scheduler.submit(owner, self.now)
        except Refusal as refusal:
            owner.finish(refusal.error)
        self.requests.append((owner, events))

    @rule(steps=st.integers(1, 150))
    def work(self, steps: int) -> None:
        for _ in range(steps):
            self.now += 0.05
            STEPS["made"] += 1
            computed = step(self.scheduler, self.now)
            self.nothing_is_read_by_whom_it_is_not_for()
            if not computed:
                break

    @rule(pick=st.randoms(use_true_random=False))
    def cancel(self, pick: random.Random) -> None:
        if self.requests:
            owner, _ = pick.choice(self.requests)
            self.scheduler.remove(owner)
            owner.cancel()

    @rule(pick=st.randoms(use_true_random=False), paused=st.booleans())
    def pause(self, pick: random.Random, paused: bool) -> None:
        if self.requests:
            pick.choice(self.requests)[0].paused = paused

    @rule(workspace=st.sampled_from(WORKSPACES))
    def erase(self, workspace: str) -> None:
        for owner in self.scheduler.requests_of(workspace):
            self.scheduler.remove(owner)
            owner.cancel("erased")
        assert self.pool.forget(workspace) == 0
        assert self.index.owned(workspace) == 0

    def nothing_is_read_by_whom_it_is_not_for(self) -> None:
        """Each held block is read by one workspace alone, and by requests with the same tokens up to its end."""
        readers: dict[int, tuple[str, tuple[int, ...]]] = {}
        for owner in self.scheduler.generations():
            for choice in owner.choices:
                for position, block in enumerate(choice.blocks):
                    if (position + 1) * BLOCK_TOKENS <= choice.computed:
                        read = (owner.workspace, tuple(choice.tokens[: (position + 1) * BLOCK_TOKENS]))
                        assert readers.setdefault(block, read) == read

    @invariant()
    def blocks_add_up(self) -> None:
        if not hasattr(self, "pool"):
            return
        held: dict[int, set[str]] = {}
        for owner, _ in self.requests:
            for choice in owner.choices:
                for block in choice.blocks:
                    held.setdefault(block, set()).add(owner.workspace)
        promised = sum(choice.promised for owner, _ in self.requests for choice in owner.choices)
        assert 0 not in held
        assert all(len(owners) == 1 for owners in held.values())
        assert len(held) + self.pool.free + self.index.idle == self.pool.capacity
        assert promised == self.scheduler._memory.promised <= self.pool.available
        assert all((owner.state is State.FINISHED) == (events.outcome is not None) for owner, events in self.requests)

    def teardown(self) -> None:
        if not hasattr(self, "pool"):
            return
        for owner, _ in self.requests:
            owner.paused = False
        for _ in range(20_000):
            self.now += 0.05
            STEPS["made"] += 1
            if not step(self.scheduler, self.now):
                break
        assert all(events.outcome is not None for _, events in self.requests)
        assert self.pool.available == self.pool.capacity
        assert self.scheduler.running == self.scheduler.waiting == self.scheduler._memory.promised == 0
        for workspace in WORKSPACES:
            self.pool.forget(workspace)
        assert self.pool.free == self.pool.capacity


SchedulerMachine.TestCase.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)
test_any_order_of_events = SchedulerMachine.TestCase


def test_counters_of_workspaces_that_always_have_work_stay_together() -> None:
    pick = random.Random(7)
    slots, longest = 8, 120
    for _ in range(40):
        pool = BlockPool(400, PrefixIndex(50))
        limits = Limits(max_running=slots, max_waiting=10_000, step_tokens=64, workspace_share=1.0)
        engine = Scheduler(limits, pool)
        sizes = {name: (pick.randint(1, 60), pick.randint(1, 60)) for name in WORKSPACES}
        # Sheng et al., theorem 4.3: no more than what all places together can cost at once.
        bound = 2 * OUTPUT_PRICE * slots * longest
        for _ in range(2000):
            for name, (prompt, answer) in sizes.items():
                while engine._queues["standard"].waiting_of(name)[0] < 2:
                    engine.submit(request(prompt, answer, workspace=name)[0], 0.0)
            STEPS["made"] += 1
            step(engine)
            paid = [engine.paid("standard", name) for name in WORKSPACES]
            assert max(paid) - min(paid) <= bound
    assert longest < EXPECTED_ANSWER


def test_it_was_a_hundred_thousand_steps() -> None:
    assert STEPS["made"] >= 100_000
