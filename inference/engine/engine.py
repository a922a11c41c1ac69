"""The step thread: the one thread that computes. Others hand it work and get events back through the requests' sinks."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic
from typing import TypeVar

import torch

from inference.engine.journal import error_place, log
from inference.engine.protocol import EngineError
from inference.engine.worker import AnyJob, AnyWorker

T = TypeVar("T")


class Engine:
    """Steps every model in turn, so that a busy one leaves the others theirs.

    All methods may be called from any thread and return at once; they take effect between two steps, in order.
    """

    def __init__(self, *, threads: int, flush: Callable[[], None], crashed: Callable[[], None]) -> None:
        """`flush` is called on the step thread after each round of steps; `crashed` when the thread dies of an error."""
        self._threads = threads
        self._flush = flush
        self._crashed = crashed
        self._inbox: deque[Callable[[], None]] = deque()
        self._wake = threading.Event()
        self._workers: list[AnyWorker] = []
        self._retiring: set[int] = set()
        self._retired_tokens = 0
        self._stopping = False
        self._step_began: float | None = None
        self._thread = threading.Thread(target=self._run, name="engine-steps", daemon=True)
        self.steps = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Ends the thread after the step in progress."""

        def end() -> None:
            self._stopping = True

        self._post(end)
        self._thread.join(timeout_s)

    def add(self, worker: AnyWorker) -> None:
        """Starts stepping a model."""
        self._post(lambda: self._workers.append(worker))

    def retire(self, worker: AnyWorker) -> None:
        """Forgets a model as soon as its last request has ended."""

        def retire() -> None:
            worker.draining = True
            self._retiring.add(id(worker))

        self._post(retire)

    def submit(self, job: AnyJob) -> None:
        # Now and not when the step in progress has ended: waiting for it is waiting, too.
        now = monotonic()
        self._post(lambda: job.submit(now))

    def cancel(self, job: AnyJob, error: EngineError | None = None) -> None:
        """Ends a request, with `error` if one is given; does nothing once it has ended."""
        self._post(lambda: job.cancel(error))

    def pause(self, job: AnyJob, paused: bool) -> None:
        """Leaves a request out of the steps, or takes it in again."""
        self._post(lambda: job.pause(paused))

    def ask(self, question: Callable[[], T]) -> Future[T]:
        """Calls `question` on the step thread, between two steps."""
        answer: Future[T] = Future()

        def call() -> None:
            try:
                answer.set_result(question())
            except Exception as error:  # noqa: BLE001  # whoever asked gets it
                answer.set_exception(error)

        self._post(call)
        return answer

    @property
    def running(self) -> int:
        return sum(worker.running for worker in tuple(self._workers))

    @property
    def waiting(self) -> int:
        return sum(worker.waiting for worker in tuple(self._workers))

    @property
    def generated_tokens(self) -> int:
        return self._retired_tokens + sum(worker.generated_tokens for worker in tuple(self._workers))

    @property
    def stepping_s(self) -> float:
        """How long the step in progress has taken so far; 0 between steps."""
        began = self._step_began
        return 0.0 if began is None else monotonic() - began

    def _post(self, action: Callable[[], None]) -> None:
        self._inbox.append(action)
        self._wake.set()

    def _run(self) -> None:
        try:
            torch.set_num_threads(self._threads)
            while not self._stopping:
                self._round()
        except BaseException as error:  # noqa: BLE001  # whatever it is, a process without its step thread must not go on
            log("engine.crashed", error=error_place(error))
            self._crashed()

    def _round(self) -> None:
        while self._inbox:
            self._inbox.popleft()()
        worked = False
        for worker in tuple(self._workers):
            worker.busy = any(other.running for other in self._workers if other is not worker)
            worked |= self._step(worker)
            if id(worker) in self._retiring and not worker.running and not worker.waiting:
                self._workers.remove(worker)
                worker.close()
                self._retired_tokens += worker.generated_tokens
                self._retiring.discard(id(worker))
        self._flush()
        if not worked and not self._inbox and not self._stopping:
            times = [worker.wake_at for worker in self._workers if worker.wake_at is not None]
            self._wake.wait(max(0.0, min(times) - monotonic()) if times else None)
            self._wake.clear()

    def _step(self, worker: AnyWorker) -> bool:
        self._step_began = monotonic()
        try:
            worked = worker.step(self._step_began)
        except Exception as error:  # noqa: BLE001  # any error of a network or a device ends its requests, not the engine
            log("engine.step.failed", error=error_place(error))
            worker.abandon(
                EngineError(500, "engine_step_failed", "the engine could not compute this request; try it again")
            )
            return True
        finally:
            self._step_began = None
        self.steps += worked
        return worked
