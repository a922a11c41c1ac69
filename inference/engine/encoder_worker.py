"""An encoder at work: from queue over network to vectors or scores. For the step thread alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import inf
from time import perf_counter
from typing import Any

import torch

from inference.engine.batch_queue import Flushes
from inference.engine.encoding import Encoding
from inference.engine.errors import DEADLINE, ERASED, Refusal, nonfinite
from inference.engine.lanes import LANES, Lane
from inference.engine.protocol import EngineError, Timings
from inference.engine.receipts import Scope
from inference.engine.request import Embedding, State, Texts
from inference.engine.stats import LaneStats, ModelStats
from inference.engine.text_queue import GPU_BATCH_TOKENS, GPU_RIDE_TOKENS, Text, TextQueue
from inference.engine.window import PRESETS, Hold, Window
from inference.engine.worker import Found, Wiped, Worker


class EncoderWorker(Worker[Texts]):
    def __init__(self, runner: Encoding, window: Window = PRESETS["balanced"]) -> None:
        """`window` is for requests that name no preset."""
        super().__init__()
        self._runner = runner
        self._queue = (
            TextQueue(window=window)
            if runner.device.type == "cpu"
            else TextQueue(window=window, batch_tokens=GPU_BATCH_TOKENS, ride_tokens=GPU_RIDE_TOKENS)
        )
        self._batch: list[Text] = []
        """What the step in progress computes."""

    @property
    def running(self) -> int:
        return 0  # a batch begins and ends within one step

    @property
    def waiting(self) -> int:
        return self._queue.waiting

    @property
    def flushes(self) -> Flushes:
        """Why batches were flushed, and how large they were."""
        return self._queue.flushes

    def use(self, window: Window) -> None:
        """Batches what comes from now on under `window`, where the workspace says nothing."""
        self._queue.window = window

    def submit(self, request: Texts, now: float) -> None:
        if request.state is State.RECEIVED:
            if not request.inputs:  # texts without a token
                request.finish(request.answer(Timings()))
                return
            try:
                self._queue.submit(request, now)
            except Refusal as refusal:
                self._refused[refusal.error.code] += 1
                request.finish(refusal.error)

    def cancel(self, request: Texts, error: EngineError | None) -> None:
        self._queue.remove(request)
        self._end(request, error)

    def step(self, now: float) -> bool:
        for late in self._queue.expired(now):
            self.cancel(late, DEADLINE)
        self._queue.draining = self.draining
        batch = self._queue.next_batch(now, busy=self.busy)
        if isinstance(batch, Hold):
            self.wake_at = batch.until if batch.until < inf else None
            return False
        self.wake_at = None
        self._batch = batch
        sampled = None if self.trial is None else self.trial.sample((text.ids, len(text.ids)) for text in batch)
        began = perf_counter()
        parts = self._run(batch)
        took = perf_counter() - began
        self._queue.computed(took)
        tokens = sum(len(text.ids) for text in batch)
        self.prompt_tokens += tokens
        self._count_step(tokens)
        for text, part in zip(batch, parts, strict=True):
            self._accept(text, part, now + took)
        self._batch = []
        if self.trial is not None and sampled is not None:
            self.trial.compare(sampled)
        return True

    def replay(self, tokens: list[int]) -> tuple[torch.Tensor, float]:
        began = perf_counter()
        found = torch.from_numpy(self._runner.computed([tokens]))
        took = perf_counter() - began
        self._runner.wipe_buffers()
        return found, took

    def erase(self, scope: Scope) -> Wiped:
        covered = [request for request in self._queue.requests() if request.is_of(scope)]
        for request in covered:
            self.cancel(request, ERASED)
        return Wiped(0, len(covered), 0, self._runner.wipe_buffers(), 0)

    def verify(self, scope: Scope) -> Found:
        return Found(sum(request.is_of(scope) for request in self._queue.requests()), 0, 0, 0)

    def close(self) -> None:
        self._runner.wipe_buffers()
        super().close()

    def stats(self, model: str) -> ModelStats:
        waiting: Counter[Lane] = Counter()
        for request in self._queue.requests():
            waiting[request.lane] += request.missing
        return ModelStats(
            model=model,
            lanes={lane: LaneStats(0, waiting[lane]) for lane in LANES},
            prompt_tokens=self.prompt_tokens,
            slow_path=self._runner.slow_path,
            refused=dict(self._refused),
            ended=dict(self._ended),
            flushes=[(window, reason, count) for (window, reason), count in self.flushes.reasons.items()],
            sizes=sorted(self._sizes.items()),
            computed_tokens=self._computed_tokens,
            memory=self._runner.memory,
            batch_sizes=[(window, size, count) for (window, size), count in self.flushes.sizes.items()],
        )

    def abandon(self, error: EngineError) -> None:
        batch, self._batch = self._batch, []
        for text in batch:
            self.cancel(text.request, error)

    def _run(self, batch: list[Text]) -> Sequence[Any]:
        """The part of each text; None where it is not finite."""
        ids = [text.ids for text in batch]
        if self._runner.config.labels:
            return self._runner.tag(ids)
        return self._runner.embed(
            ids, [text.request.dimensions for text in batch if isinstance(text.request, Embedding)]
        )

    def _accept(self, text: Text, part: Any, at: float) -> None:
        request = text.request
        if request.state is State.FINISHED:
            return  # another text of the request has just ended it with an error
        if part is None:
            self.cancel(request, nonfinite("text"))
            return
        request.parts[text.position] = part
        request.missing -= 1
        if request.missing == 0:
            self._queue.remove(request)
            scheduled = at if request.scheduled_at is None else request.scheduled_at
            request.finish(request.answer(Timings(scheduled - request.queued_at, at - scheduled)))
            if self.trial is not None:
                self.trial.ended(self, failed=False)
