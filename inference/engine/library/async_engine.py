"""Answers without waiting: one step thread, a bounded queue, turns between workspaces."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from math import isinf
from time import monotonic
from types import TracebackType
from typing import Any, Self

import torch
from torch import nn

from inference.engine.batch_queue import Batch, BatchQueue, Flushes, Item, QueueFull
from inference.engine.lanes import LANES, Lane
from inference.engine.library import serving
from inference.engine.library.batch import BatchInferenceEngine
from inference.engine.library.cache import CacheManager
from inference.engine.library.config import InferenceOptConfig
from inference.engine.library.errors import Closed, InferenceError, Overloaded
from inference.engine.library.padding import Padding
from inference.engine.library.profiler import LatencyProfiler
from inference.engine.library.result import InferenceResult
from inference.engine.library.rows import Row
from inference.engine.window import LADDER, EarlyFlush, Window

SAMPLE_EVERY = 100
"""With `enable_profiling`, the calls of which one is measured by module."""
DEFAULT_WINDOW_MS = 6.0
DEFAULT_BUDGET_MS = 250.0


def window_of(config: InferenceOptConfig) -> Window:
    """The window that a configuration asks for: with a `batch_size` of 1 an idle engine calls at once; above it, fewer inputs than
    that are held for up to 6 ms."""
    alone = config.batch_size == 1
    return Window(
        batch_window_ms=DEFAULT_WINDOW_MS,
        max_batch_size=min(config.max_batch_size, LADDER[-1]),
        group_by=("model_id",),
        early_flush=EarlyFlush(if_priority="realtime", if_queue_depth_gt=None if alone else config.batch_size - 1),
        p95_budget_ms=DEFAULT_BUDGET_MS,
        idle_flush=alone,
    )


class AsyncInferenceEngine:
    """Inputs of all callers share batches; a batch is formed when the one before has ended, by the same queue and windows as the
    engine's. Workspaces take turns, so that a flood of one does not hold another's inputs back.

    `submit` works from any thread and needs no event loop. An engine starts when it is made and must be closed, or used in a `with`
    or `async with`.
    """

    def __init__(
        self,
        model: nn.Module,
        config: InferenceOptConfig | None = None,
        *,
        cache: CacheManager | None = None,
        window: Window | None = None,
        padding: Padding | None = None,
        max_waiting: int = 16_384,
    ) -> None:
        """`window` (such as one of `inference.engine.window.PRESETS`) in place of what `config` asks for; `max_waiting` bounds the
        inputs that wait; `cache` and `padding` as `BatchInferenceEngine` has them. Raises ConfigError."""
        self._engine = BatchInferenceEngine(model, config, cache=cache, padding=padding)
        self.config = self._engine.config
        self._window = window or window_of(self.config)
        # An item counts as one, so that whatever the window's depth rule says, a batch has at most max_batch_size of them.
        self._queue: BatchQueue[_Order] = BatchQueue(batch_size=self.config.max_batch_size, max_waiting=max_waiting)
        self._changed = threading.Condition()
        self._waiting: set[_Order] = set()
        self._closing = False
        self._drain = True
        self._profiler: LatencyProfiler | None = None
        if self.config.enable_profiling:
            self._profiler = LatencyProfiler(self._engine.runner.module, sample_every=SAMPLE_EVERY)
            self._profiler.attach()
        serving.began()
        self._thread = threading.Thread(target=self._run, name="inference-steps", daemon=True)
        self._thread.start()

    @property
    def engine(self) -> BatchInferenceEngine:
        """What computes; its cache and its counts."""
        return self._engine

    @property
    def profiler(self) -> LatencyProfiler | None:
        """The sampling profiler, with `enable_profiling`."""
        return self._profiler

    @property
    def waiting(self) -> int:
        """Inputs in the queue."""
        return len(self._queue)

    @property
    def flushes(self) -> Flushes:
        """Batches so far, by reason and by size."""
        return self._queue.flushes

    def submit(
        self, value: Any, *, workspace: str = "default", lane: Lane = "standard", timeout_s: float | None = None
    ) -> Future[InferenceResult]:
        """A future of the input's result; cancelling it while it waits takes the input out of the queue.

        With `timeout_s` an input that still waits after that time ends with a TimeoutError. Raises Overloaded when the queue is
        full and Closed after `close`.
        """
        return self._submit([value], workspace, lane, timeout_s)[0]

    async def infer(
        self, value: Any, *, workspace: str = "default", lane: Lane = "standard", timeout_s: float | None = None
    ) -> InferenceResult:
        """The input's result. Raises as `submit` does; cancelling the task takes the input out of the queue."""
        return await asyncio.wrap_future(self.submit(value, workspace=workspace, lane=lane, timeout_s=timeout_s))

    async def infer_batch(
        self,
        inputs: Sequence[Any],
        *,
        workspace: str = "default",
        lane: Lane = "standard",
        timeout_s: float | None = None,
    ) -> list[InferenceResult]:
        """The result of each input, in their order. All are queued or, when there is no room, none: raises as `submit` does."""
        futures = self._submit(list(inputs), workspace, lane, timeout_s)
        return list(await asyncio.gather(*map(asyncio.wrap_future, futures)))

    def close(self, *, drain: bool = True) -> None:
        """Answers what waits, or with `drain=False` cancels it, and ends the step thread. Closing twice does nothing."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._drain = drain
            self._queue.draining = True
            self._changed.notify()
        self._thread.join()
        for order in tuple(self._waiting):  # with drain=False
            order.future.cancel()
        serving.ended()
        if self._profiler is not None:
            self._profiler.detach()
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(drain=kind is None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close, drain=kind is None)

    def _submit(
        self, values: list[Any], workspace: str, lane: Lane, timeout_s: float | None
    ) -> list[Future[InferenceResult]]:
        if lane not in LANES:
            raise ValueError(f"{lane!r} is no lane; there are {', '.join(LANES)}")
        now = monotonic()
        deadline = None if timeout_s is None else now + timeout_s
        orders = [_Order(value) for value in values]
        items = []
        for order in orders:
            try:
                kind = self._engine.group_of(Row(order.value))
            except InferenceError as error:  # it would fail whoever it shared a batch with
                order.future.set_result(InferenceResult(error=error))
                continue
            order.item = Item(
                payload=order,
                workspace=workspace,
                lane=lane,
                window=self._window,
                size=1,
                arrived=now,
                deadline=deadline,
                model=kind,
            )
            items.append(order.item)
        with self._changed:
            if self._closing:
                raise Closed("the engine is closed; make a new one")
            try:
                self._queue.submit(items)
            except QueueFull:
                raise Overloaded(f"{len(self._queue)} inputs wait; wait for their answers, then submit again") from None
            self._waiting.update(order for order in orders if order.item is not None)
            self._changed.notify()
        for order in orders:
            order.future.add_done_callback(self._withdrawer(order))
        return [order.future for order in orders]

    def _withdrawer(self, order: _Order) -> Any:
        def withdraw(future: Future[InferenceResult]) -> None:
            with self._changed:
                self._waiting.discard(order)
                if future.cancelled() and order.item is not None:
                    self._queue.remove(order.item)

        return withdraw

    def _run(self) -> None:
        torch.set_num_threads(self.config.num_inference_threads)
        while True:
            batch, late = self._next()
            # Outside of the lock: ending a future runs what its owner hung on it.
            for order in late:
                if order.future.set_running_or_notify_cancel():
                    order.future.set_exception(TimeoutError("the input waited longer than its timeout_s"))
            if batch is not None:
                self._answer(batch)
            elif not late:
                return

    def _next(self) -> tuple[Batch[_Order] | None, list[_Order]]:
        """The next batch, or inputs that are late, however long it takes; neither when the engine is closed and nothing waits."""
        with self._changed:
            while True:
                now = monotonic()
                late = [item.payload for item in self._queue.expire(now)]
                if late:
                    return None, late
                if self._closing and not (self._drain and len(self._queue)):
                    return None, []
                found = self._queue.next_batch(now)
                if isinstance(found, Batch):
                    return found, []
                self._changed.wait(None if isinf(found.until) else max(0.0, found.until - now))

    def _answer(self, batch: Batch[_Order]) -> None:
        by_workspace: dict[str, list[_Order]] = {}
        for item in batch.items:
            # From here on a caller cannot cancel any more.
            if item.payload.future.set_running_or_notify_cancel():
                by_workspace.setdefault(item.workspace, []).append(item.payload)
        self._follow()
        began = monotonic()
        orders = [order for part in by_workspace.values() for order in part]
        try:
            results = self._engine.infer_mixed(
                [(workspace, order.value) for workspace, part in by_workspace.items() for order in part]
            )
        except BaseException as error:  # noqa: BLE001  # each caller is told, and the thread goes on
            for order in orders:
                order.future.set_exception(error)
            return
        self._queue.step_s = monotonic() - began
        for order, result in zip(orders, results, strict=True):
            order.future.set_result(result)

    def _follow(self) -> None:
        """Keeps the profiler on the module that runs: a converted copy is made anew when the model changes."""
        module = self._engine.runner.module
        if self._profiler is not None and self._profiler.module is not module:
            self._profiler.detach()
            self._profiler = LatencyProfiler(module, sample_every=SAMPLE_EVERY)
            self._profiler.attach()


class _Order:
    __slots__ = ("future", "item", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.future: Future[InferenceResult] = Future()
        self.item: Item[_Order] | None = None
