"""A canary beside what serves, of the same checkpoint: steps of either are computed by both and compared, and what becomes of the
canary's requests is counted. Nothing of a text is kept: figures alone."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING

import torch

from compiler.validate.statistics import divergence, least_cosine
from inference.engine.deployment import Guards
from inference.engine.journal import error_place, log
from inference.engine.protocol import Kind
from inference.engine.stats import GuardStats
from inference.engine.watch import Watch

if TYPE_CHECKING:
    from inference.engine.worker import AnyWorker

_TIME = 0.05
"""The part of the step thread's time that comparing may take."""
_STALL_S = 0.1
"""How long one comparison may hold up everybody's next step, about: by that beginnings are cut."""
_FIRST, _LEAST, _MOST = 64, 16, 512
"""Tokens of a beginning: before anything is known, and in any case."""
_KEPT, _ENOUGH = 64, 8
"""Times of the other's steps that its 95th percentile is of, at most, and at least."""
_SLOW, _DIVERGENT = 0.05, 0.05
"""The part of steps that may be slower than the 95th percentile, and of places that may differ by more than is allowed."""
_PRIOR = 50
"""Requests that are taken to have gone as allowed, before any of the other's are known."""


class Trial:
    """For the step thread; its figures may be read by any."""

    def __init__(self, canary: AnyWorker, main: AnyWorker, guards: Guards, kind: Kind = "chat") -> None:
        """Of models of that `kind`: texts are apart by a divergence, vectors by an angle."""
        self._canary, self._main, self._guards = canary, main, guards
        self._apart = _angle if kind == "embedding" else divergence
        self.watches = {"errors": Watch(guards.errors), "p95": Watch(_SLOW), "divergence": Watch(_DIVERGENT)}
        self.compared = 0
        self.answered = 0
        """Of the canary's requests those that ended well."""
        self._main_seen = self._main_bad = 0
        self._times: deque[float] = deque(maxlen=_KEPT)
        self._next_at = 0.0
        self._tokens = _FIRST
        # Which of a step's places is taken is nobody's secret.
        self._random = random.Random(0)

    def begin(self) -> None:
        self._canary.trial = self._main.trial = self

    def end(self) -> None:
        self._canary.trial = self._main.trial = None

    @property
    def tripped(self) -> str | None:
        """The guard that the canary did not keep, if there is one."""
        return next((name for name, watch in self.watches.items() if watch.tripped), None)

    @property
    def found(self) -> dict[str, GuardStats]:
        return {name: GuardStats(each.seen, each.bad, each.tripped) for name, each in self.watches.items()}

    def ended(self, worker: AnyWorker, failed: bool) -> None:
        """One of a worker's requests has ended: well, or by a failing of the model."""
        if worker is not self._canary:
            self._main_seen += 1
            self._main_bad += failed
            return
        self.answered += not failed
        least = self._guards.errors
        usual = (self._main_bad + least * _PRIOR) / (self._main_seen + _PRIOR)
        self.watches["errors"].see(failed, min(0.49, max(least, 2 * usual)))

    def sample(self, texts: Iterable[tuple[Sequence[int], int]]) -> list[int] | None:
        """The beginning of one of the step's texts, if it is time to compare one. Of each, its tokens and how many of them the step
        has come to."""
        if perf_counter() < self._next_at or self.tripped:
            return None
        longer = [(tokens, end) for tokens, end in texts if end > 1]
        if not longer:
            return None
        tokens, end = self._random.choice(longer)
        return list(tokens[: min(end, self._tokens)])

    def compare(self, tokens: list[int]) -> None:
        """Computes what comes after `tokens` by both, one after the other, so that load and the machine's mood weigh on both."""
        began = perf_counter()
        if self.compared % 2 == 0:
            mine, theirs = self._replayed(self._canary, tokens), self._replayed(self._main, tokens)
        else:
            theirs, mine = self._replayed(self._main, tokens), self._replayed(self._canary, tokens)
        if mine is not None and theirs is not None:
            self._judge(*mine, *theirs)
        now = perf_counter()
        took = now - began
        self._next_at = now + took * (1 / _TIME - 1)
        self._tokens = min(_MOST, max(_LEAST, int(_STALL_S / took * len(tokens))))

    def _replayed(self, worker: AnyWorker, tokens: list[int]) -> tuple[torch.Tensor, float] | None:
        try:
            return worker.replay(tokens)
        except Exception as error:  # noqa: BLE001  # whatever fails here must not end the requests of the step it comes after
            log("engine.canary.failed", error=error_place(error), canary=worker is self._canary)
            if worker is self._canary:
                self.watches["errors"].see(True)
            return None

    def _judge(self, mine: torch.Tensor, took: float, theirs: torch.Tensor, other_took: float) -> None:
        self.compared += 1
        self.watches["divergence"].see(not self._apart(mine, theirs) <= self._guards.kl)
        if len(self._times) >= _ENOUGH:
            ordered = sorted(self._times)
            self.watches["p95"].see(took > self._guards.slower * ordered[int(0.95 * len(ordered))])
        self._times.append(other_took)


def _angle(mine: torch.Tensor, theirs: torch.Tensor) -> float:
    """How far vectors are apart: one less their cosine, of the worst row."""
    return 1.0 - least_cosine(mine, theirs)
