"""Drives a scheduler as a worker does, without a network: every token drawn is 7."""

from __future__ import annotations

from typing import Any

from inference.engine.admission import Limits
from inference.engine.blocks import BlockPool
from inference.engine.prefix import PrefixIndex
from inference.engine.protocol import Sampling
from inference.engine.request import Generation
from inference.engine.scheduler import Scheduler
from inference.engine.tokenizer import Tokenizer
from tests.inference.engine import checkpoints
from tests.inference.engine.harness import Events, generation

TOKENIZER = Tokenizer(checkpoints.tokenizer(), None)


def scheduler(blocks: int = 1000, *, quota: int = 0, **limits: Any) -> Scheduler:
    return Scheduler(Limits(**limits), BlockPool(blocks, PrefixIndex(quota)))


def request(
    prompt: int | list[int], answer: int, *, workspace: str = "a", n: int = 1, **given: Any
) -> tuple[Generation, Events]:
    tokens = [5] * prompt if isinstance(prompt, int) else prompt
    return generation(TOKENIZER, tokens, Sampling(n=n), workspace=workspace, max_tokens=answer, **given)


def step(scheduler: Scheduler, now: float = 0.0) -> list[tuple[Generation, int]]:
    """One step; what was computed."""
    for owner in scheduler.expired(now):
        scheduler.remove(owner)
        owner.cancel("deadline")
    chunks = scheduler.plan(now)
    scheduler.advance(chunks)
    drawn = []
    for chunk in chunks:
        samples = chunk.samples
        choices = [chunk.choice]
        if samples and chunk.generation.sampling.n > 1 and len(chunk.generation.choices) == 1:
            scheduler.fork(chunk.generation)
            choices = chunk.generation.choices
        drawn += [(chunk.generation, choice) for choice in choices if samples]
    for owner, choice in drawn:
        delta = choice.accept(7, None)
        if delta is not None:
            owner.publish(choice, delta)
        if choice.finish_reason:
            scheduler.release(owner, choice)
            if all(other.finish_reason for other in owner.choices):
                owner.complete()
    return [(chunk.generation, chunk.end - chunk.start) for chunk in chunks]


def run(scheduler: Scheduler, *, now: float = 0.0, steps: int = 10_000) -> list[list[tuple[Generation, int]]]:
    """Steps until nothing is left to do."""
    done = []
    for count in range(steps):
        computed = step(scheduler, now + count * 0.01)
        if not computed:
            return done
        done.append(computed)
    raise AssertionError(f"still busy after {steps} steps")
