"""Early exit between two models: the small one's answer stands where it is sure, otherwise the large one answers.

The small model's try is heard by nobody until it is whole: a request of a cascade gets one model's answer, never a mixture.
Imports no torch. Confidence is the geometric mean of the probabilities of the answer's tokens, as in Chen, Zaharia and Zou,
*FrugalGPT* (2023), with the model's own probabilities for its scorer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from inference.engine.deployment import CascadeRule
from inference.engine.errors import refuse
from inference.engine.protocol import Choice, Delta, EngineError, Generate, Generated, Result
from inference.engine.stats import CascadeStats

if TYPE_CHECKING:
    from inference.engine.connection import Stream

ENDED = frozenset({"cancelled", "deadline", "erased", "error"})
"""Finish reasons of an answer that nobody is to ask for again."""
FINAL = frozenset({410, 429, 499, 504})
"""Statuses of refusals that another model would not change: erased, the caller's own limit, gone away, too late."""


class RunningCascade:
    """A cascade as it is served, and what it has counted. For the loop thread."""

    def __init__(self, name: str, rule: CascadeRule) -> None:
        self.rule = rule
        self.stats = CascadeStats(name, 0, 0, 0)

    def attempt(self, stream: Stream, wire: Generate) -> Attempt:
        """The small model's try at the request. Raises Refusal 400 for what a cascade cannot do."""
        if wire.echo:
            raise refuse(
                400, "invalid_value", "echo is not to be had of a cascade; name one of its models", param="echo"
            )
        return Attempt(self, stream, wire)


@dataclass(frozen=True, slots=True)
class Stands:
    """The small model's answer, as the caller asked for it."""

    deltas: list[Delta]
    result: Result | EngineError


class Attempt:
    """The small model's try at one request: the sink of its answer, which goes on to the loop thread as a whole."""

    __slots__ = ("_began", "cascade", "stream", "wire")

    def __init__(self, cascade: RunningCascade, stream: Stream, wire: Generate) -> None:
        self.cascade = cascade
        self.stream = stream
        self.wire = wire
        self._began = monotonic()

    @property
    def small(self) -> Generate:
        """What the small model is asked."""
        sampling = self.wire.sampling
        if sampling.logprobs is None:
            sampling = msgspec.structs.replace(sampling, logprobs=0)
        return msgspec.structs.replace(self.wire, model=self.cascade.rule.small, sampling=sampling, stream=False)

    @property
    def large(self) -> Generate:
        """What the large model is asked if the small one is not sure: the same, in the time that is left."""
        left = self.wire.deadline_s
        if left is not None:
            left = max(1e-3, left - (monotonic() - self._began))
        return msgspec.structs.replace(self.wire, model=self.cascade.rule.large, deadline_s=left)

    def send(self, deltas: list[Delta]) -> None:
        raise TypeError("an attempt does not stream")

    def finish(self, outcome: Result | EngineError) -> None:
        self.stream.outbox.append((self, outcome))

    def judge(self, outcome: Result | EngineError) -> Stands | None:
        """What the caller gets of it; None if the large model is to answer. Counts it."""
        stats = self.cascade.stats
        if isinstance(outcome, EngineError):
            if outcome.status in FINAL or self.stream.cancelled:
                return Stands([], outcome)
            stats.escalations += 1
            stats.failures += 1
            return None
        if not isinstance(outcome, Generated) or any(choice.finish_reason in ENDED for choice in outcome.choices):
            return Stands([], outcome)
        if confidence(outcome.choices) < self.cascade.rule.threshold:
            stats.escalations += 1
            return None
        stats.exits += 1
        return self._as_asked(outcome)

    def _as_asked(self, outcome: Generated) -> Stands:
        choices = outcome.choices
        if self.wire.sampling.logprobs is None:
            choices = [msgspec.structs.replace(choice, logprobs=None) for choice in choices]
        if not self.wire.stream:
            return Stands([], msgspec.structs.replace(outcome, choices=choices))
        tokens = outcome.completion_tokens // max(1, len(choices))
        deltas = [Delta(c.index, c.text, tokens, c.finish_reason, c.logprobs) for c in choices]
        return Stands(deltas, msgspec.structs.replace(outcome, choices=[]))


def confidence(choices: Iterable[Choice]) -> float:
    """Geometric mean of the probabilities of an answer's tokens, 0 to 1: that of the least sure choice."""
    return min((_mean_probability(choice) for choice in choices), default=0.0)


def _mean_probability(choice: Choice) -> float:
    drawn: Sequence[float] = [logprob.logprob for logprob in choice.logprobs or ()]
    return math.exp(math.fsum(drawn) / len(drawn)) if drawn else 0.0
