"""What the step thread needs of a model, whatever it computes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from inference.engine.errors import DEADLINE, ERASED, failed
from inference.engine.protocol import EngineError
from inference.engine.receipts import Scope
from inference.engine.request import Request, State
from inference.engine.stats import ModelStats

if TYPE_CHECKING:
    import torch

    from inference.engine.trial import Trial

R = TypeVar("R", bound=Request)
_ENDINGS = {DEADLINE.code: "deadline", ERASED.code: "erased"}

SAMPLED_BLOCKS = 64
"""Free blocks whose memory a `verify` reads back."""


@dataclass(frozen=True, slots=True)
class Wiped:
    """What an erase did, see `receipts.ModelErased`."""

    epoch: int
    requests: int
    blocks: int
    bytes: int
    held: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a verify saw, see `receipts.ModelVerified`."""

    requests: int
    indexed: int
    sampled: int
    nonzero: int


class Worker(ABC, Generic[R]):
    """What the step thread needs of a model, whatever it computes."""

    prompt_tokens = 0
    """Tokens of prompts that were computed: those found in a cache are not."""
    generated_tokens = 0
    busy = False
    """Other models compute on the device: a batch that can wait leaves them their steps. Set before each step."""
    draining = False
    """No more requests will come, so that nothing is held for company."""
    wake_at: float | None = None
    """When a step that had nothing to compute should be asked again, if nothing arrives before."""
    closed = False
    """The model is gone and its memory zeroed."""

    def __init__(self) -> None:
        self.trial: Trial | None = None
        """What compares it with another version, while one is on trial beside the other."""
        self._refused: Counter[str] = Counter()
        """Requests that were not queued, by the code of their error."""
        self._ended: Counter[str] = Counter()
        """Requests that were ended from outside, by why."""
        self._sizes: Counter[int] = Counter()
        """Steps, by how many tokens they computed."""
        self._computed_tokens = 0

    @property
    @abstractmethod
    def running(self) -> int: ...

    @property
    @abstractmethod
    def waiting(self) -> int: ...

    @abstractmethod
    def submit(self, request: R, now: float) -> None:
        """Queues a request; one that cannot be queued ends here with its error."""

    @abstractmethod
    def cancel(self, request: R, error: EngineError | None) -> None:
        """Frees all a request holds and ends it, with `error` if one is given. Does nothing once it has ended."""

    def _end(self, request: R, error: EngineError | None) -> None:
        """Sends a request's terminal event and counts it; one that has ended is left alone."""
        if request.state is State.FINISHED:
            return
        if self.trial is not None and error is not None and failed(error):
            self.trial.ended(self, failed=True)
        self._ended["cancelled" if error is None else _ENDINGS.get(error.code, "error")] += 1
        if error is None:
            request.cancel()
        else:
            request.finish(error)

    def _count_step(self, tokens: int) -> None:
        """Counts a step that computed `tokens`."""
        self._sizes[tokens] += 1
        self._computed_tokens += tokens

    def pause(self, request: R, paused: bool) -> None:
        """Leaves a streaming request out of the steps, or takes it in again."""

    @abstractmethod
    def step(self, now: float) -> bool:
        """Computes one batch; False when there was nothing to compute."""

    def close(self) -> None:
        """Zeroes all that is left of requests, when the last one has ended and no more will come."""
        self.closed = True

    @abstractmethod
    def replay(self, tokens: list[int]) -> tuple[torch.Tensor, float] | None:
        """What the network says of `tokens`, computed apart from all requests and forgotten, and the seconds that took. None where
        there is no room for it now."""

    @abstractmethod
    def erase(self, scope: Scope) -> Wiped:
        """Ends the scope's requests, and forgets and zeroes what is kept of its workspace."""

    @abstractmethod
    def verify(self, scope: Scope) -> Found:
        """Looks for what `erase` should have left nowhere."""

    @abstractmethod
    def stats(self, model: str) -> ModelStats:
        """What was counted so far, under the model's name."""

    @abstractmethod
    def abandon(self, error: EngineError) -> None:
        """Ends every request that the failed step may have touched with `error`; what only waits stays in the queue."""


@dataclass(frozen=True, slots=True)
class Job(Generic[R]):
    """A request and the model that answers it."""

    worker: Worker[R]
    request: R

    def submit(self, now: float) -> None:
        self.worker.submit(self.request, now)

    def cancel(self, error: EngineError | None) -> None:
        self.worker.cancel(self.request, error)

    def pause(self, paused: bool) -> None:
        self.worker.pause(self.request, paused)


AnyWorker = Worker[Any]
AnyJob = Job[Any]
