"""Drives a worker by hand: requests whose events are kept, and steps until nothing is left."""

from __future__ import annotations

from typing import Any

from inference.engine.decoder_worker import DecoderWorker
from inference.engine.lanes import Lane
from inference.engine.protocol import Delta, EngineError, Generated, Result, Sampling
from inference.engine.request import Generation
from inference.engine.tokenizer import Tokenizer


class Events:
    """A sink that keeps everything and refuses a second terminal event."""

    def __init__(self) -> None:
        self.deltas: list[Delta] = []
        self.outcome: Result | EngineError | None = None

    def send(self, deltas: list[Delta]) -> None:
        assert self.outcome is None, "a delta after the terminal event"
        self.deltas += deltas

    def finish(self, outcome: Result | EngineError) -> None:
        assert self.outcome is None, "a second terminal event"
        self.outcome = outcome

    @property
    def text(self) -> str:
        return "".join(delta.text for delta in self.deltas)

    @property
    def token_ids(self) -> list[int]:
        return [entry.token_id for delta in self.deltas for entry in delta.logprobs or ()]

    @property
    def finish_reason(self) -> str | None:
        return self.deltas[-1].finish_reason if self.deltas else None


def generation(
    tokenizer: Tokenizer,
    prompt: list[int],
    sampling: Sampling | None = None,
    *,
    workspace: str = "ws",
    lane: Lane = "standard",
    max_tokens: int = 32,
    stop_ids: frozenset[int] = frozenset(),
    seed: int = 1,
    **given: Any,
) -> tuple[Generation, Events]:
    events = Events()
    request = Generation(
        workspace=workspace,
        lane=lane,
        sink=events,
        tokenizer=tokenizer,
        prompt=prompt,
        max_tokens=max_tokens,
        sampling=sampling or Sampling(temperature=0.0, logprobs=0),
        seed=seed,
        stream=True,
        stop_ids=stop_ids,
        **given,
    )
    return request, events


def run(worker: DecoderWorker, *, steps: int = 10_000) -> int:
    """Steps until nothing is left; the number of steps."""
    for count in range(steps):
        if not worker.step(float(count)):
            return count
    raise AssertionError(f"still busy after {steps} steps")


def generated(events: Events) -> Generated:
    assert isinstance(events.outcome, Generated), events.outcome
    return events.outcome
