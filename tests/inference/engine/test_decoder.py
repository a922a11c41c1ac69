from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from inference.engine.admission import Limits
from inference.engine.blocks import BlockPool, blocks_for
from inference.engine.checkpoint import Checkpoint
from inference.engine.decoder_runner import DecoderRunner
from inference.engine.decoder_worker import DecoderWorker
from inference.engine.errors import CheckpointError
from inference.engine.models.layers import DtypeName
from inference.engine.protocol import EngineError, Sampling
from inference.engine.scheduler import Chunk
from inference.engine.tokenizer import Tokenizer
from tests.inference.engine import checkpoints
from tests.inference.engine.harness import generated, generation, run

FAMILIES = ["llama", "llama-tied", "llama-dynamic", "mistral", "qwen2", "qwen2-windows", "qwen3"]
PROMPT_LENGTHS = [1, 5, 16, 17, 40, 70]


class Loaded:
    """One checkpoint in transformers and in the engine."""

    def __init__(self, folder: Path, name: str) -> None:
        self.reference = checkpoints.decoder(name)
        self.checkpoint = Checkpoint.open(checkpoints.save_decoder(folder, name))
        self.tokenizer = self.checkpoint.tokenizer()
        self.runner = DecoderRunner(self.checkpoint)

    def worker(self, **limits: int) -> DecoderWorker:
        return DecoderWorker(self.runner, self.tokenizer, Limits(**limits), cache_bytes=1 << 24)

    def logits(self, ids: list[int]) -> torch.Tensor:
        with torch.inference_mode():
            return self.reference(torch.tensor([ids])).logits[0]  # type: ignore[no-any-return]

    def greedy(self, prompt: list[int], count: int) -> list[int]:
        out: Any = self.reference.generate(
            torch.tensor([prompt]), max_new_tokens=count, do_sample=False, eos_token_id=None, pad_token_id=1
        )
        return out[0, len(prompt) :].tolist()  # type: ignore[no-any-return]


@pytest.fixture(scope="module", params=FAMILIES)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return Loaded(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return Loaded(tmp_path_factory.mktemp("llama"), "llama")


def prompts() -> list[list[int]]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randint(2, 320, (length,), generator=generator).tolist() for length in PROMPT_LENGTHS]


def test_logits_equal_those_of_transformers_in_pieces_and_token_by_token(loaded: Loaded) -> None:
    ids = prompts()[-1]
    expected = loaded.logits(ids)
    loaded.runner.reserve(blocks_for(len(ids)) + 1)
    request, _ = generation(loaded.tokenizer, ids)
    choice = request.add_choice(BlockPool(blocks_for(len(ids)) + 1).allocate(blocks_for(len(ids))), 0)

    for start, end in [(0, 30), (30, 33), (33, 34), (34, 35), (35, 70)]:
        choice.tokens = ids[:end]
        logits = loaded.runner.step([Chunk(request, choice, start, end)])
        torch.testing.assert_close(logits[0], expected[end - 1], atol=1e-4, rtol=0)


def test_greedy_tokens_equal_those_of_transformers_alone_and_in_a_batch(loaded: Loaded) -> None:
    expected = [loaded.greedy(prompt, 32) for prompt in prompts()]

    for prompt, tokens in zip(prompts(), expected, strict=True):
        worker = loaded.worker()
        request, events = generation(loaded.tokenizer, prompt)
        worker.submit(request, 0.0)
        run(worker)
        assert events.token_ids == tokens

    worker = loaded.worker(step_tokens=24, max_running=8)
    pairs = [generation(loaded.tokenizer, prompt, workspace=f"ws{i % 2}") for i, prompt in enumerate(prompts())]
    for request, _ in pairs:
        worker.submit(request, 0.0)
        worker.step(0.0)  # so that they join while others run
    run(worker)
    assert [events.token_ids for _, events in pairs] == expected


def test_choices_fork_from_one_prompt_and_equal_single_requests(loaded: Loaded) -> None:
    prompt = prompts()[4]
    sampling = Sampling(temperature=0.9, logprobs=0, n=3)
    worker = loaded.worker()
    request, events = generation(loaded.tokenizer, prompt, sampling, seed=11)
    worker.submit(request, 0.0)
    steps = run(worker)

    by_choice = [
        [entry.token_id for delta in events.deltas if delta.index == index for entry in delta.logprobs or ()]
        for index in range(3)
    ]
    assert steps == 32  # the prompt was computed once
    assert len({tuple(ids) for ids in by_choice}) == 3
    alone, alone_events = generation(loaded.tokenizer, prompt, Sampling(temperature=0.9, logprobs=0), seed=11)
    worker.submit(alone, 0.0)
    run(worker)
    assert alone_events.token_ids == by_choice[0]
    for ids in by_choice:
        # Each token is among the likely ones after its own history: no choice reads another's cache.
        logits = loaded.logits(prompt + ids)[len(prompt) - 1 : -1]
        assert (logits.log_softmax(-1)[range(32), ids] > -12).all()


def test_an_end_token_stops_the_answer_and_is_not_shown(llama: Loaded) -> None:
    prompt = llama.tokenizer.encode("the quick brown")
    expected = llama.greedy(prompt, 32)
    stop = expected[5]
    worker = llama.worker()
    request, events = generation(llama.tokenizer, prompt, stop_ids=frozenset([stop]))
    worker.submit(request, 0.0)
    run(worker)

    shown = expected[: expected.index(stop)]
    assert events.token_ids == shown
    assert events.finish_reason == "stop"
    assert generated(events).completion_tokens == len(shown) + 1
    assert events.text == llama.tokenizer.decode(shown)


def test_blocks_that_nothing_keeps_are_zero_once_nothing_runs(llama: Loaded) -> None:
    worker = llama.worker()
    pairs = [generation(llama.tokenizer, p, Sampling(temperature=1.0, n=2), cache="request") for p in prompts()]
    for request, _ in pairs:
        worker.submit(request, 0.0)
    for _ in range(6):
        worker.step(0.0)
    worker.cancel(pairs[0][0], None)
    run(worker)

    assert all(isinstance(events.outcome, object) and events.outcome is not None for _, events in pairs)
    assert worker.running == worker.waiting == 0
    assert all(not stored.any() for layer in llama.runner.store.layers for stored in layer)
    assert all(request.prompt == [] and request.choices[0].tokens == [] for request, _ in pairs)


def test_logits_that_are_not_finite_end_one_request_and_spare_its_neighbours(llama: Loaded) -> None:
    poison = 319
    assert all(poison not in prompt for prompt in prompts()[:4])
    expected = llama.greedy(prompts()[3], 32)
    weights = llama.runner._network.embed_tokens.weight
    kept = weights[poison].clone()
    try:
        weights[poison] = float("nan")
        worker = llama.worker()
        bad, bad_events = generation(llama.tokenizer, [5, poison, 7], Sampling(temperature=0.5, n=2))
        good, good_events = generation(llama.tokenizer, prompts()[3])
        worker.submit(bad, 0.0)
        worker.submit(good, 0.0)
        run(worker)
        again, again_events = generation(llama.tokenizer, prompts()[3])  # may get the poisoned request's blocks
        worker.submit(again, 0.0)
        run(worker)
    finally:
        weights[poison] = kept

    assert isinstance(bad_events.outcome, EngineError)
    assert bad_events.outcome.code == "nonfinite_output"
    assert good_events.token_ids == again_events.token_ids == expected
    assert worker.running == 0


def test_a_sharded_and_half_precision_checkpoint_loads(tmp_path: Path) -> None:
    model = checkpoints.decoder("llama-tied").to(torch.bfloat16)
    model.save_pretrained(tmp_path, max_shard_size="40KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 2

    checkpoint = Checkpoint.open(tmp_path)
    runner = DecoderRunner(checkpoint)
    runner.reserve(8)
    ids = prompts()[4]
    with torch.inference_mode():
        reloaded: Any = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
        expected = reloaded(torch.tensor([ids])).logits[0, -1]

    request, _ = generation(Tokenizer(checkpoints.tokenizer(), None), ids)
    choice = request.add_choice([1, 2, 3], 0)
    logits = runner.step([Chunk(request, choice, 0, len(ids))])
    torch.testing.assert_close(logits[0], expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 0.01), ("bfloat16", 0.15)])
def test_half_precision_logits_stay_close_to_those_of_float32(
    loaded: Loaded, dtype: DtypeName, tolerance: float
) -> None:
    # The tolerance is on the norm of the difference over the norm of the logits.
    ids = prompts()[-1]
    expected = loaded.logits(ids)
    runner = DecoderRunner(loaded.checkpoint, dtype=dtype)
    runner.reserve(blocks_for(len(ids)) + 1)
    request, _ = generation(loaded.tokenizer, ids)
    choice = request.add_choice(BlockPool(blocks_for(len(ids)) + 1).allocate(blocks_for(len(ids))), 0)

    for start, end in [(0, 40), (40, 41), (41, 70)]:
        choice.tokens = ids[:end]
        logits = runner.step([Chunk(request, choice, start, end)])[0].float()
        assert (logits - expected[end - 1]).norm() < tolerance * expected[end - 1].norm()


def test_a_weight_that_float16_cannot_hold_is_refused_or_served_as_float32(llama: Loaded, tmp_path: Path) -> None:
    model = checkpoints.decoder("llama")
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight[0, 0] = 1e5
    model.save_pretrained(tmp_path)
    checkpoint = Checkpoint.open(tmp_path)

    with pytest.raises(CheckpointError, match="float32 or bfloat16"):
        DecoderRunner(checkpoint, dtype="float16")
    assert DecoderRunner(checkpoint, dtype="auto").store.block_bytes > 0


def test_one_long_context_among_short_ones_changes_no_answer(llama: Loaded) -> None:
    lengths = [400, 3, 90, 3, 17, 230, 3, 64]
    generator = torch.Generator().manual_seed(8)
    many = [torch.randint(2, 320, (length,), generator=generator).tolist() for length in lengths]
    worker = llama.worker(max_running=8)
    pairs = [generation(llama.tokenizer, prompt, max_tokens=12) for prompt in many]
    for request, _ in pairs:
        worker.submit(request, 0.0)
    run(worker)

    assert [events.token_ids for _, events in pairs] == [llama.greedy(prompt, 12) for prompt in many]


def test_bfloat16_serves_as_stored(llama: Loaded) -> None:
    runner = DecoderRunner(llama.checkpoint, dtype="bfloat16")
    worker = DecoderWorker(runner, llama.tokenizer, Limits(), cache_bytes=1 << 22)
    request, events = generation(llama.tokenizer, prompts()[3])
    worker.submit(request, 0.0)
    run(worker)

    assert generated(events).completion_tokens == 32
    assert events.token_ids[0] == llama.greedy(prompts()[3], 1)[0]
