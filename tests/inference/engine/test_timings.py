"""Where a request's time went, as its result says, and how large the steps were."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest

from inference.engine.admission import Limits
from inference.engine.checkpoint import Checkpoint
from inference.engine.client import EngineClient
from inference.engine.decoder_runner import DecoderRunner
from inference.engine.decoder_worker import DecoderWorker
from inference.engine.encoder_runner import EncoderRunner
from inference.engine.encoder_worker import EncoderWorker
from inference.engine.occupancy import device_utilization
from inference.engine.protocol import Embed, Embedded, Generated, Sampling, Timings
from inference.engine.request import Embedding
from inference.engine.stats import STEP_TOKENS
from tests.inference.engine import checkpoints
from tests.inference.engine.calls import generate, read, whole
from tests.inference.engine.conftest import EngineProcess
from tests.inference.engine.harness import Events, generated, generation

STEP_S = 0.5
"""More than a step of these models takes, so that what it took shows behind the point of the times given."""


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> DecoderWorker:
    checkpoint = Checkpoint.open(checkpoints.save_decoder(tmp_path_factory.mktemp("llama"), "llama"))
    return DecoderWorker(DecoderRunner(checkpoint), checkpoint.tokenizer(), Limits(max_running=2), cache_bytes=1 << 24)


def timings(events: Events) -> Timings:
    found = generated(events).timings
    assert found is not None
    return found


def test_a_request_tells_how_long_it_waited_prefilled_and_decoded(worker: DecoderWorker) -> None:
    tokenizer = worker._tokenizer
    first, first_events = generation(tokenizer, [5, 6, 7], Sampling(n=2, temperature=0.0), max_tokens=4)
    second, second_events = generation(tokenizer, [8, 9], max_tokens=2)
    worker.submit(first, 100.0)
    worker.submit(second, 101.0)

    for second_s in range(103, 120):
        worker.step(float(second_s))

    one, two = timings(first_events), timings(second_events)
    assert one.queue_s == 3.0
    assert 0.0 < one.prefill_s < STEP_S
    # Steps of 103 to 106, by the end of each
    assert one.decode_s == pytest.approx(3.0, abs=STEP_S)
    # The first held both places until the end of the step of 106
    assert two.queue_s == 6.0
    assert 0.0 < two.prefill_s < STEP_S
    assert two.decode_s == pytest.approx(1.0, abs=STEP_S)


def test_a_request_that_was_ended_from_outside_tells_nothing(worker: DecoderWorker) -> None:
    request, events = generation(worker._tokenizer, [5, 6, 7], max_tokens=20)
    worker.submit(request, 0.0)
    worker.step(1.0)
    worker.cancel(request, None)

    assert generated(events).completion_tokens == 1
    assert generated(events).timings is None


def test_steps_are_counted_by_their_tokens(worker: DecoderWorker) -> None:
    before = worker.stats("llama")
    request, _ = generation(worker._tokenizer, list(range(20, 60)), max_tokens=3)
    worker.submit(request, 0.0)
    for second_s in range(1, 5):
        worker.step(float(second_s))
    after = worker.stats("llama")

    assert after.computed_tokens - before.computed_tokens == 40 + 2
    grown = [now - then for now, then in zip(after.step_tokens, before.step_tokens, strict=True)]
    assert {STEP_TOKENS[place]: count for place, count in enumerate(grown) if count} == {1: 2, 64: 1}
    exactly = Counter(dict(after.sizes))
    exactly.subtract(dict(before.sizes))
    assert +exactly == {1: 2, 40: 1}


def test_an_embedding_tells_how_long_it_waited_and_was_computed(tmp_path: Path) -> None:
    worker, events = EncoderWorker(EncoderRunner(Checkpoint.open(checkpoints.save_encoder(tmp_path)))), Events()
    request = Embedding(workspace="a", lane="standard", sink=events, inputs=[[5, 6], [7]], dimensions=None)
    worker.submit(request, 100.0)
    worker.step(102.5)

    assert isinstance(events.outcome, Embedded)
    found = events.outcome.timings
    assert found is not None
    assert (found.queue_s, found.decode_s) == (2.5, 0.0)
    assert 0.0 < found.prefill_s < STEP_S
    assert worker.stats("encoder").computed_tokens == 3


def test_durations_of_an_engine_are_within_what_its_caller_waited(engine: EngineProcess) -> None:
    async def work() -> None:
        client = EngineClient(engine.socket)
        for answer in (whole(client, generate(stream=False)), _streamed(client)):
            began = time.monotonic()
            found = (await answer).timings
            waited = time.monotonic() - began
            assert found is not None
            assert min(found.queue_s, found.prefill_s, found.decode_s) >= 0.0
            assert 0.0 < found.prefill_s + found.decode_s <= found.queue_s + found.prefill_s + found.decode_s <= waited
        embedded = await client.call(Embed("req", "ws", "embed", ["one", "two"]))
        assert isinstance(embedded, Embedded)
        assert embedded.timings is not None and embedded.timings.prefill_s > 0.0
        await client.close()

    asyncio.run(work())


async def _streamed(client: EngineClient) -> Generated:
    return (await read(client, generate()))[1]


def test_a_cpu_does_not_tell_how_busy_it_is() -> None:
    assert device_utilization("cpu") is None
