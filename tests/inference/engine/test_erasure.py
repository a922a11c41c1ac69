from __future__ import annotations

import hashlib
import json
from pathlib import Path

import msgspec
import pytest
import torch

from inference.engine.admission import Limits
from inference.engine.checkpoint import Checkpoint
from inference.engine.decoder_runner import DecoderRunner
from inference.engine.decoder_worker import DecoderWorker
from inference.engine.erasure import sealed
from inference.engine.protocol import EngineError, Sampling
from inference.engine.receipts import Erased, Scope
from tests.inference.engine import checkpoints
from tests.inference.engine.harness import generated, generation, run

PROMPT = [3 + (7 * i) % 300 for i in range(100)]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return Checkpoint.open(checkpoints.save_decoder(tmp_path_factory.mktemp("llama"), "llama"))


@pytest.fixture
def worker(checkpoint: Checkpoint) -> DecoderWorker:
    return DecoderWorker(DecoderRunner(checkpoint), checkpoint.tokenizer(), Limits(), cache_bytes=1 << 22)


def memory(worker: DecoderWorker) -> torch.Tensor:
    """[blocks] whether a block holds anything but zeroes."""
    return torch.stack([stored.flatten(1).ne(0).any(1) for stored in worker._runner.store.layers]).any(0)


def test_a_prompt_that_is_met_again_gets_the_same_answer(worker: DecoderWorker) -> None:
    tokenizer = worker._tokenizer
    texts = []
    for _ in range(3):
        request, events = generation(tokenizer, PROMPT)
        worker.submit(request, 0.0)
        run(worker)
        texts.append((events.token_ids, generated(events).cached_tokens))
    assert texts[0][0] == texts[1][0] == texts[2][0]
    assert [cached for _, cached in texts] == [0, 96, 96]


def test_a_preempted_answer_goes_on_where_it_was(checkpoint: Checkpoint) -> None:
    roomy = DecoderWorker(DecoderRunner(checkpoint), checkpoint.tokenizer(), Limits(), cache_bytes=1 << 24)
    runner = DecoderRunner(checkpoint)
    tight = DecoderWorker(
        runner, checkpoint.tokenizer(), Limits(max_running=4), cache_bytes=41 * runner.store.block_bytes
    )
    answers = []
    for worker in (roomy, tight):
        pairs = [
            generation(worker._tokenizer, PROMPT[i : i + 20], Sampling(temperature=0.8, logprobs=0), max_tokens=400)
            for i in range(3)
        ]
        for request, _ in pairs:
            worker.submit(request, 0.0)
        run(worker)
        answers.append([events.token_ids for _, events in pairs])

    assert tight._scheduler.preemptions > 0
    assert roomy._scheduler.preemptions == 0
    assert answers[0] == answers[1]


def test_erasing_a_workspace_ends_its_requests_zeroes_its_memory_and_says_so(worker: DecoderWorker) -> None:
    for workspace in ("a", "a", "b"):
        request, _ = generation(worker._tokenizer, PROMPT, workspace=workspace)
        worker.submit(request, 0.0)
        run(worker)
    running, events = generation(worker._tokenizer, PROMPT[::-1], workspace="a")
    worker.submit(running, 0.0)
    worker.step(0.0)
    others = int(memory(worker).sum())

    wiped = worker.erase(Scope("a"))

    assert isinstance(events.outcome, EngineError)
    assert (events.outcome.status, events.outcome.code) == (410, "request_erased")
    assert wiped.requests == 1
    assert wiped.blocks * worker._runner.store.block_bytes == wiped.bytes
    assert int(memory(worker).sum()) == others - wiped.blocks == 8  # the other workspace's
    found = worker.verify(Scope("a"))
    assert (found.requests, found.indexed, found.nonzero) == (0, 0, 0)
    assert found.sampled > 0
    assert worker.verify(Scope("b")).indexed == 8
    again, events = generation(worker._tokenizer, PROMPT, workspace="a")
    worker.submit(again, 0.0)
    run(worker)
    assert generated(events).cached_tokens == 0


def test_erasing_a_subject_ends_its_own_requests_and_drops_the_workspaces_cache(worker: DecoderWorker) -> None:
    kept, kept_events = generation(worker._tokenizer, PROMPT, workspace="a", subject="s1", request="r1")
    gone, gone_events = generation(worker._tokenizer, PROMPT, workspace="a", subject="s2", request="r2")
    for request in (kept, gone):
        worker.submit(request, 0.0)
    worker.step(0.0)

    wiped = worker.erase(Scope("a", subject="s2"))

    assert wiped.requests == 1
    assert wiped.held > 0  # by the request that goes on
    assert isinstance(gone_events.outcome, EngineError)
    run(worker)
    assert generated(kept_events).completion_tokens == 32
    assert not memory(worker).any()


def test_erasing_a_request_that_nobody_made_drops_the_cache_and_ends_nothing(worker: DecoderWorker) -> None:
    before, _ = generation(worker._tokenizer, PROMPT, workspace="a")
    worker.submit(before, 0.0)
    run(worker)
    running, events = generation(worker._tokenizer, PROMPT[::-1], workspace="a", request="r1")
    worker.submit(running, 0.0)
    worker.step(0.0)

    wiped = worker.erase(Scope("a", request="nobody's"))

    assert wiped.requests == 0
    assert wiped.blocks > 0
    run(worker)
    assert generated(events).completion_tokens == 32
    again, events = generation(worker._tokenizer, PROMPT, workspace="a")
    worker.submit(again, 0.0)
    run(worker)
    assert generated(events).cached_tokens == 0


def test_verify_sees_what_was_not_zeroed(worker: DecoderWorker) -> None:
    worker._runner.store.layers[1][1:, 3] = 1.0
    found = worker.verify(Scope("a"))
    assert found.nonzero == found.sampled > 0


def test_a_replaced_model_is_zeroed(worker: DecoderWorker) -> None:
    request, _ = generation(worker._tokenizer, PROMPT)
    worker.submit(request, 0.0)
    run(worker)
    assert memory(worker).any()
    worker.close()
    assert not memory(worker).any()


def test_a_receipt_carries_the_digest_of_the_rest_of_it(tmp_path: Path) -> None:
    receipt = sealed(Erased(Scope("ws", subject="s"), [], 1.0, 2.0))
    fields = json.loads(msgspec.json.encode(receipt))
    digest = fields.pop("sha256")
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    assert digest == hashlib.sha256(text.encode()).hexdigest()
    assert sealed(receipt) == receipt
