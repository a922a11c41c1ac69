from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from inference.engine.checkpoint import Checkpoint
from inference.engine.encoder_runner import EncoderRunner
from inference.engine.encoder_worker import EncoderWorker
from inference.engine.engine import Engine
from inference.engine.protocol import Embedded, EngineError
from inference.engine.request import Embedding
from inference.engine.window import EarlyFlush, Window
from inference.engine.worker import Job
from tests.inference.engine import checkpoints
from tests.inference.engine.harness import Events


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> EncoderRunner:
    folder: Path = tmp_path_factory.mktemp("encoder")
    return EncoderRunner(Checkpoint.open(checkpoints.save_encoder(folder)))


def embedding(*inputs: list[int], **given: Any) -> tuple[Embedding, Events]:
    events = Events()
    return Embedding(workspace="a", lane="standard", sink=events, inputs=list(inputs), dimensions=None, **given), events


def code(events: Events) -> str | None:
    return events.outcome.code if isinstance(events.outcome, EngineError) else None


def test_a_passed_deadline_ends_a_request_before_it_is_computed(runner: EncoderRunner) -> None:
    worker = EncoderWorker(runner)
    late, late_events = embedding([5], [6], deadline=1.0)
    fine, fine_events = embedding([7], deadline=3.0)
    worker.submit(late, 0.0)
    worker.submit(fine, 0.0)

    assert worker.step(2.0)
    assert not worker.step(2.0)
    assert code(late_events) == "deadline_exceeded"
    assert isinstance(fine_events.outcome, Embedded)
    assert sum(size * count for (_, size), count in worker.flushes.sizes.items()) == 1


def test_a_busy_device_is_left_alone_until_the_window_ends(runner: EncoderRunner) -> None:
    worker = EncoderWorker(runner)
    worker.busy = True
    request, events = embedding([5, 6])
    worker.submit(request, 100.0)

    assert not worker.step(100.0)
    assert worker.wake_at == 100.01
    assert worker.waiting == 1
    assert worker.step(100.01)
    assert worker.wake_at is None
    assert isinstance(events.outcome, Embedded)
    assert worker.flushes.reasons == {("balanced", "wait_cap"): 1}


def test_draining_holds_nothing(runner: EncoderRunner) -> None:
    worker = EncoderWorker(runner)
    worker.busy = worker.draining = True
    request, _ = embedding([5])
    worker.submit(request, 0.0)

    assert worker.step(0.0)
    assert worker.flushes.reasons == {("balanced", "drain"): 1}


def test_a_cancelled_request_is_not_computed(runner: EncoderRunner) -> None:
    worker = EncoderWorker(runner)
    request, events = embedding([5])
    worker.submit(request, 0.0)
    worker.cancel(request, None)
    worker.cancel(request, None)

    assert not worker.step(0.0)
    assert code(events) == "cancelled"


def test_the_step_thread_wakes_by_itself_when_a_window_ends(runner: EncoderRunner) -> None:
    window = Window(
        batch_window_ms=40,
        max_batch_size=16,
        group_by=(),
        early_flush=EarlyFlush(),
        p95_budget_ms=1000,
        idle_flush=False,
    )
    worker = EncoderWorker(runner, window)
    engine = Engine(threads=1, flush=lambda: None, crashed=lambda: None)
    engine.start()
    engine.add(worker)
    request, events = embedding([5])
    began = time.monotonic()
    engine.submit(Job(worker, request))
    while events.outcome is None and time.monotonic() < began + 20:
        time.sleep(0.001)
    waited = time.monotonic() - began
    engine.stop()

    assert isinstance(events.outcome, Embedded)
    assert 0.04 <= waited < 20
    assert worker.flushes.reasons == {("custom", "window"): 1}
