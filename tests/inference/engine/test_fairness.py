"""One workspace floods, nine are quiet: what they wait, in virtual time. `python -m bench fairness` measures the same on a clock.

A step costs what two quiet cores took for a network of 25 M parameters; the policy is what is tested, and nothing else varies.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from inference.engine.admission import Limits
from inference.engine.blocks import BlockPool
from inference.engine.lanes import Lane
from inference.engine.prefix import PrefixIndex
from inference.engine.scheduler import Chunk, Scheduler
from tests.inference.engine.schedules import request

LIMITS = Limits(max_running=32, step_tokens=64, max_waiting=4096, workspace_share=1.0)
STEP_MS, PROMPT_MS, ANSWER_MS = 3.0, 0.1, 0.25
"""Of a step, of each token of a prompt in it, of each running answer in it."""
SECONDS, QUIET_PER_S = 20.0, 21.0
"""The quiet ask for two fifths of what can be computed."""


@dataclass
class Seen:
    first_ms: dict[Lane, list[float]] = field(default_factory=lambda: {"realtime": [], "standard": [], "batch": []})
    tokens: int = 0

    def p95(self, lane: Lane) -> float:
        times = sorted(self.first_ms[lane])
        return times[int(0.95 * (len(times) - 1))]


def serve(flood_answer: int | None) -> Seen:
    """What the quiet see beside a flood of answers of so many tokens, or alone."""
    engine = Scheduler(LIMITS, BlockPool(6000, PrefixIndex(3000)))
    draw, seen, now = random.Random(1), Seen(), 0.0
    due, number = draw.expovariate(QUIET_PER_S), 0
    asked: dict[object, float] = {}
    while now < SECONDS:
        while due <= now:
            lane: Lane = "realtime" if number % 4 == 0 else "standard"
            owner, _ = request([9 + number % 200] * 64, 32, workspace=f"quiet{number % 9}", lane=lane)
            asked[owner] = due
            engine.submit(owner, now)
            due += draw.expovariate(QUIET_PER_S)
            number += 1
        while flood_answer is not None and engine.waiting < 48:
            engine.submit(request(128, flood_answer, workspace="flood", cache="request")[0], now)
        chunks = engine.plan(now)
        if not chunks:
            now = due
            continue
        engine.advance(chunks)
        seen.tokens += sum(chunk.end - chunk.start for chunk in chunks)
        now += _cost_ms(chunks) / 1000
        for chunk in (chunk for chunk in chunks if chunk.samples):
            if chunk.generation in asked:
                seen.first_ms[chunk.generation.lane].append(1000 * (now - asked.pop(chunk.generation)))
            chunk.choice.accept(7, None)
            if chunk.choice.finish_reason:
                engine.release(chunk.generation, chunk.choice)
                chunk.generation.complete()
    for owner, since in asked.items():
        seen.first_ms[owner.lane].append(1000 * (now - since))  # type: ignore[attr-defined]  # a Generation
    return seen


def _cost_ms(chunks: list[Chunk]) -> float:
    answers = sum(chunk.start >= chunk.generation.prompt_tokens for chunk in chunks)
    prompts = sum(chunk.end - chunk.start for chunk in chunks) - answers
    return STEP_MS + PROMPT_MS * prompts + ANSWER_MS * answers


@pytest.fixture(scope="module")
def alone() -> Seen:
    return serve(None)


@pytest.mark.parametrize("flood_answer", [64, 350])
def test_the_quiet_feel_little_of_a_flood_and_the_device_is_not_idle(alone: Seen, flood_answer: int) -> None:
    beside = serve(flood_answer)

    assert beside.p95("standard") <= 2.0 * alone.p95("standard")
    assert beside.p95("realtime") <= 1.5 * alone.p95("realtime")
    full = LIMITS.step_tokens / (STEP_MS + PROMPT_MS * 32 + ANSWER_MS * 32) * 1000 * SECONDS
    assert beside.tokens >= 0.8 * full
