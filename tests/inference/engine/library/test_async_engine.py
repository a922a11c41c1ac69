from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, wait
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from inference.engine import (
    AsyncInferenceEngine,
    Closed,
    InferenceError,
    InferenceOptConfig,
    InferenceResult,
    LatencyProfiler,
    Overloaded,
    ServingError,
)
from tests.inference.engine.library.modules import Parts, Picky, seeded, vectors

PLAIN = InferenceOptConfig(enable_cache=False, device="cpu", num_inference_threads=1, max_batch_size=8)


class Gate(nn.Module):
    """Doubles its input, and stands still while the gate is shut."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.entered = threading.Event()
        self.batches: list[list[float]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.entered.set()
        assert self.open.wait(20)
        self.batches.append(x[:, 0].tolist())
        return x * 2


@pytest.fixture
def gate() -> Iterator[Gate]:
    module = Gate()
    yield module
    module.open.set()


def held(gate: Gate, engine: AsyncInferenceEngine) -> Future[InferenceResult]:
    future = engine.submit(torch.full((1,), -1.0))
    assert gate.entered.wait(20)
    return future


def number(value: float) -> Tensor:
    return torch.full((1,), float(value))


def test_many_callers_share_batches_and_each_gets_its_own_answer() -> None:
    model = seeded(Parts)
    inputs = vectors(60)

    async def ask() -> list[Any]:
        async with AsyncInferenceEngine(model, PLAIN) as engine:
            one = [engine.infer(value) for value in inputs[:30]]
            many = engine.infer_batch(inputs[30:])
            return [*await asyncio.gather(*one), *await many]

    results = asyncio.run(ask())

    assert max(result.batch_size for result in results) == 8
    for value, result in zip(inputs, results, strict=True):
        with torch.no_grad():
            torch.testing.assert_close(result.unwrap()["logits"], model(value[None])["logits"][0])


def test_submit_needs_no_loop_and_an_input_that_fails_fails_alone() -> None:
    with AsyncInferenceEngine(Picky(), PLAIN) as engine:
        futures = [engine.submit(torch.full((3,), float(value))) for value in (1, -1, 2, 50)]
        futures.append(engine.submit("no tensor"))
        results = [future.result(20) for future in futures]

    assert [result.error is None for result in results] == [True, False, True, False, False]
    assert all(isinstance(results[n].error, InferenceError) for n in (1, 3, 4))


def test_what_arrives_while_the_module_runs_is_the_next_batch(gate: Gate) -> None:
    with AsyncInferenceEngine(gate, PLAIN) as engine:
        first = held(gate, engine)
        futures = [engine.submit(number(value)) for value in range(20)]
        gate.open.set()
        assert first.result(20).output == -2
        assert [future.result(20).output.item() for future in futures] == [2.0 * value for value in range(20)]
        sizes = sorted(engine.flushes.sizes.items())

    assert {size for (_, size), _ in sizes} == {1, 8, 4}


def test_a_flood_of_one_workspace_does_not_hold_anothers_input_back(gate: Gate) -> None:
    with AsyncInferenceEngine(gate, PLAIN) as engine:
        held(gate, engine)
        flood = [engine.submit(number(value), workspace="noisy") for value in range(100)]
        quiet = engine.submit(number(1000), workspace="quiet")
        gate.open.set()
        wait([*flood, quiet], 20)
        calls = [call for call in gate.batches if call != [-1.0]]

    assert 1000 in [value for call in calls[:4] for value in call]


def test_a_cancelled_input_is_never_run_and_leaves_the_queue(gate: Gate) -> None:
    with AsyncInferenceEngine(gate, PLAIN) as engine:
        running = held(gate, engine)
        gone, kept = engine.submit(number(1)), engine.submit(number(2))
        assert gone.cancel()
        assert not running.cancel()
        assert engine.waiting == 1
        gate.open.set()
        assert kept.result(20).output == 4

    assert not any(1.0 in call for call in gate.batches)


def test_cancelling_the_task_takes_the_input_out(gate: Gate) -> None:
    async def ask(engine: AsyncInferenceEngine) -> None:
        task = asyncio.create_task(engine.infer(number(7)))
        await asyncio.sleep(0.05)
        assert engine.waiting == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert engine.waiting == 0

    with AsyncInferenceEngine(gate, PLAIN) as engine:
        held(gate, engine)
        asyncio.run(ask(engine))
        gate.open.set()


def test_a_full_queue_takes_all_of_a_batch_or_none(gate: Gate) -> None:
    with AsyncInferenceEngine(gate, PLAIN, max_waiting=4) as engine:
        held(gate, engine)
        kept = [engine.submit(number(value)) for value in range(3)]
        with pytest.raises(Overloaded, match="3 inputs wait"):
            asyncio.run(engine.infer_batch([number(8), number(9)]))
        kept.append(engine.submit(number(3)))
        gate.open.set()
        assert [future.result(20).output.item() for future in kept] == [0, 2, 4, 6]


def test_an_input_that_waits_too_long_ends_with_a_timeout(gate: Gate) -> None:
    with AsyncInferenceEngine(gate, PLAIN) as engine:
        held(gate, engine)
        late = engine.submit(number(1), timeout_s=0.05)
        in_time = engine.submit(number(2), timeout_s=20)
        threading.Event().wait(0.1)
        gate.open.set()
        with pytest.raises(TimeoutError):
            late.result(20)
        assert in_time.result(20).output == 4


def test_closing_answers_what_waits_or_cancels_it(gate: Gate) -> None:
    draining = AsyncInferenceEngine(gate, PLAIN)
    futures = [held(gate, draining), *(draining.submit(number(value)) for value in range(9))]
    threading.Timer(0.05, gate.open.set).start()
    draining.close()
    draining.close()
    assert all(future.done() and future.result().error is None for future in futures)
    with pytest.raises(Closed):
        draining.submit(number(1))

    gate.open.clear()
    gate.entered.clear()
    dropping = AsyncInferenceEngine(gate, PLAIN)
    running = held(gate, dropping)
    waiting = [dropping.submit(number(value)) for value in range(9)]
    threading.Timer(0.05, gate.open.set).start()
    dropping.close(drain=False)
    assert running.result().output == -2
    for future in waiting:
        with pytest.raises(CancelledError):
            future.result(20)


def test_fewer_inputs_than_are_worth_a_call_are_held_and_no_longer_than_the_window() -> None:
    config = InferenceOptConfig(
        batch_size=4, max_batch_size=8, enable_cache=False, device="cpu", num_inference_threads=1
    )
    with AsyncInferenceEngine(seeded(Parts), config) as engine:
        results = asyncio.run(engine.infer_batch(vectors(4)))
        results.append(engine.submit(vectors(1)[0]).result(20))
        reasons = {reason for _, reason in engine.flushes.reasons}

    assert all(result.error is None for result in results)
    assert reasons == {"depth", "window"}


def test_profiling_in_a_serving_process_is_by_sampling_only() -> None:
    model = seeded(Parts)
    config = InferenceOptConfig(
        enable_cache=False, enable_profiling=True, device="cpu", max_batch_size=1, num_inference_threads=1
    )
    x = vectors(1)[0]
    with AsyncInferenceEngine(model, config) as engine:
        with pytest.raises(ServingError, match="sample_every"):
            LatencyProfiler(seeded(Parts)).profile(x[None])
        with pytest.raises(ServingError):
            LatencyProfiler(model).attach()
        wait([engine.submit(x) for _ in range(250)], 60)
        profiler = engine.profiler
        assert profiler is not None
        assert profiler.sampled == 2
        assert "body.3.0" in profiler.per_module_breakdown()

    assert LatencyProfiler(model).profile(x[None], 5).total_s > 0


def test_workspaces_share_batches_and_never_cached_answers(gate: Gate) -> None:
    config = InferenceOptConfig(device="cpu", max_batch_size=8)
    with AsyncInferenceEngine(gate, config) as engine:
        first = held(gate, engine)
        both = [engine.submit(number(5), workspace=workspace) for workspace in ("a", "b")]
        gate.open.set()
        wait([first, *both], 20)
        again = [engine.submit(number(5), workspace=workspace).result(20) for workspace in ("a", "b", "c")]

    assert [future.result().batch_size for future in both] == [2, 2]
    assert [result.cached for result in again] == [True, True, False]
