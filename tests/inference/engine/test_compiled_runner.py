from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from compiler.validate.statistics import chi_square
from inference.engine import compiled_runner
from inference.engine.blocks import BlockPool, blocks_for
from inference.engine.checkpoint import Checkpoint
from inference.engine.compiled_runner import CompiledRunner
from inference.engine.compiled_step import MOST_TOKENS
from inference.engine.decoder_runner import DecoderRunner
from inference.engine.deployment import Weights
from inference.engine.pools import Pools
from inference.engine.request import Choice, Generation
from inference.engine.sampler import Draw, sample
from inference.engine.scheduler import Chunk
from tests.inference.engine import checkpoints
from tests.inference.engine.harness import generation

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
BLOCKS = 200
LENGTHS = (37, 5, 90)
ANSWER = 6
FAMILIES = ("llama", "llama-tied", "mistral", "qwen2-windows", "qwen3")


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(scope="session")
def checkpoint_of(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Checkpoint]:
    return {name: Checkpoint.open(checkpoints.save_decoder(tmp_path_factory.mktemp(name), name)) for name in FAMILIES}


class Rig:
    """A runner that is driven as a scheduler would, beside any other on the same requests."""

    def __init__(self, runner: DecoderRunner | CompiledRunner, checkpoint: Checkpoint) -> None:
        self.runner, self._checkpoint = runner, checkpoint
        self.runner.reserve(BLOCKS)
        self._pool = BlockPool(BLOCKS)

    def requests(self, lengths: Sequence[int]) -> list[tuple[Generation, Choice]]:
        made = []
        for seed, length in enumerate(lengths):
            ids = torch.randint(2, 320, (length,), generator=torch.Generator().manual_seed(seed)).tolist()
            request, _ = generation(self._checkpoint.tokenizer(), ids)
            made.append((request, request.add_choice(self._pool.allocate(blocks_for(length + ANSWER)), 0)))
        return made

    def step(self, requests: Sequence[tuple[Generation, Choice]], most: int = 64) -> torch.Tensor:
        """One step of all requests, prompts in pieces of `most`; answers are the likeliest tokens."""
        ends = [min(choice.computed + most, len(choice.tokens)) for _, choice in requests]
        chunks = [Chunk(*pair, pair[1].computed, end) for pair, end in zip(requests, ends, strict=True)]
        logits = self.runner.step(chunks)
        for chunk in chunks:
            chunk.choice.computed = chunk.end
        for chunk, row in zip([chunk for chunk in chunks if chunk.samples], logits, strict=True):
            chunk.choice.tokens.append(int(row.argmax()))
        return logits


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_computes_what_the_network_does(
    family: str, checkpoint_of: dict[str, Checkpoint], compiled: Path
) -> None:
    checkpoint = checkpoint_of[family]
    ours = Rig(CompiledRunner(checkpoint, compiled, dtype="float32"), checkpoint)
    theirs = Rig(DecoderRunner(checkpoint, dtype="float32"), checkpoint)
    mine, others = ours.requests(LENGTHS), theirs.requests(LENGTHS)

    for _ in range(ANSWER):
        torch.testing.assert_close(ours.step(mine), theirs.step(others), rtol=1e-3, atol=1e-3)

    assert [choice.tokens for _, choice in mine] == [choice.tokens for _, choice in others]


def test_a_step_in_which_no_prompt_ends_gives_no_logits(checkpoint_of: dict[str, Checkpoint], compiled: Path) -> None:
    checkpoint = checkpoint_of["llama"]
    rig, other = (Rig(CompiledRunner(checkpoint, compiled, dtype="float32"), checkpoint) for _ in range(2))
    request, whole = rig.requests([90]), other.requests([90])

    assert rig.step(request).shape == (0, checkpoint.config.vocab_size)
    torch.testing.assert_close(rig.step(request), other.step(whole, most=90), rtol=1e-4, atol=1e-4)


def test_halves_are_as_near_to_the_truth_as_the_network_in_halves(
    checkpoint_of: dict[str, Checkpoint], compiled: Path
) -> None:
    checkpoint = checkpoint_of["llama"]
    ours = Rig(CompiledRunner(checkpoint, compiled, dtype="bfloat16"), checkpoint)
    theirs = Rig(DecoderRunner(checkpoint, dtype="bfloat16"), checkpoint)
    exact = Rig(DecoderRunner(checkpoint, dtype="float32"), checkpoint)

    found, eager, truth = (rig.step(rig.requests(LENGTHS), most=128).float() for rig in (ours, theirs, exact))

    assert (found - truth).norm() < 1.2 * (eager - truth).norm()


@pytest.mark.parametrize(("weights", "least", "most"), [("int8", 0.99, 0.1), ("int4", 0.6, 2.0)])
def test_integers_stay_near(
    checkpoint_of: dict[str, Checkpoint], compiled: Path, weights: Weights, least: float, most: float
) -> None:
    """As near as so small a network of random weights lets them, which makes much of little; that they are what is meant is tested
    where they are made (tests/compiler/passes/test_precision.py)."""
    checkpoint = checkpoint_of["llama"]
    ours = Rig(CompiledRunner(checkpoint, compiled, dtype="float32", weights=weights), checkpoint)
    exact = Rig(DecoderRunner(checkpoint, dtype="float32"), checkpoint)

    found, truth = (rig.step(rig.requests(LENGTHS), most=128) for rig in (ours, exact))

    assert torch.cosine_similarity(found, truth).min() > least
    divergence = (truth.softmax(-1) * (truth.log_softmax(-1) - found.log_softmax(-1))).sum(-1)
    assert divergence.max() < most


def test_bits_are_the_same_alone_and_in_company(checkpoint_of: dict[str, Checkpoint], compiled: Path) -> None:
    checkpoint = checkpoint_of["qwen3"]
    runner = CompiledRunner(checkpoint, compiled, dtype="float32", weights="int8")
    rig = Rig(runner, checkpoint)
    [alone], company = rig.requests([45]), rig.requests([45, 30, 7, 61])

    rows = [rig.step([alone], most=64)[0] for _ in range(ANSWER)]
    others = [rig.step(company, most=64)[0] for _ in range(ANSWER)]

    assert all(torch.equal(one, other) for one, other in zip(rows, others, strict=True))


@pytest.mark.parametrize("weights", ["as-they-are", "int8"])
def test_bits_are_the_same_on_one_thread_and_on_all(
    checkpoint_of: dict[str, Checkpoint], compiled: Path, weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, rows = checkpoint_of["qwen3"], []
    for taken in ("together", "alone"):
        monkeypatch.setattr(Pools, "run", lambda pools, tokens, step, taken=taken: step(getattr(pools, taken)))
        rig = Rig(CompiledRunner(checkpoint, compiled, dtype="bfloat16", weights=weights), checkpoint)
        requests = rig.requests([45, 30, 7])
        rows.append([rig.step(requests) for _ in range(ANSWER)])

    assert all(map(torch.equal, *rows))


def test_a_step_of_many_tokens_is_several_calls(checkpoint_of: dict[str, Checkpoint], compiled: Path) -> None:
    checkpoint = checkpoint_of["llama"]
    ours = Rig(CompiledRunner(checkpoint, compiled, dtype="float32"), checkpoint)
    theirs = Rig(DecoderRunner(checkpoint, dtype="float32"), checkpoint)
    lengths = [400, 300, 20]
    assert sum(lengths) > MOST_TOKENS

    found = ours.step(ours.requests(lengths), most=1000)

    torch.testing.assert_close(found, theirs.step(theirs.requests(lengths), most=1000), rtol=1e-3, atol=1e-3)


def test_a_step_may_want_no_logits(checkpoint_of: dict[str, Checkpoint], compiled: Path) -> None:
    checkpoint = checkpoint_of["llama"]
    rig = Rig(CompiledRunner(checkpoint, compiled, dtype="float32"), checkpoint)
    [whole], [pieces] = rig.requests([100]), rig.requests([100])
    expected = rig.step([whole], most=100)

    assert len(rig.step([pieces], most=60)) == 0
    assert torch.equal(rig.step([pieces], most=60), expected)


def test_a_step_draws_what_the_sampler_would(checkpoint_of: dict[str, Checkpoint], compiled: Path) -> None:
    checkpoint = checkpoint_of["llama"]
    runner = CompiledRunner(checkpoint, compiled, dtype="float32")
    rig = Rig(runner, checkpoint)
    requests = rig.requests([20] * 40)
    chunks = [Chunk(*pair, 0, 20) for pair in requests]
    uniforms = torch.rand(40, dtype=torch.float64, generator=torch.Generator().manual_seed(3)).tolist()
    kinds = [(0.0, 0, 1.0, 0.0), (1.0, 0, 1.0, 0.0), (0.7, 12, 0.8, 0.0), (1.3, 0, 0.9, 0.05), (1.0, 5, 1.0, 0.0)]
    draws = [
        Draw(temperature, top_k, top_p, uniform, None, min_p)
        for (temperature, top_k, top_p, min_p), uniform in zip(kinds * 8, uniforms, strict=True)
    ]

    logits, found = runner.draw(chunks, [None, *draws[1:]])

    expected = sample(logits, draws)
    assert found[0] is None
    assert [drawn.token for drawn in found[1:] if drawn] == [drawn.token for drawn in expected[1:]]


def test_what_a_step_draws_is_distributed_as_its_logits_say(
    checkpoint_of: dict[str, Checkpoint], compiled: Path
) -> None:
    checkpoint = checkpoint_of["llama"]
    runner = CompiledRunner(checkpoint, compiled, dtype="float32")
    rig = Rig(runner, checkpoint)
    [(request, choice)] = rig.requests([20])
    chunk, count, temperature = Chunk(request, choice, 0, 20), 20, 0.3
    [logits] = runner.step([chunk])
    probabilities = torch.softmax(logits.double() / temperature, 0)
    uniforms = torch.rand(200, count, dtype=torch.float64, generator=torch.Generator().manual_seed(9)).tolist()

    counts = torch.zeros(len(logits))
    for some in uniforms:
        _, found = runner.draw([chunk] * count, [Draw(temperature, 0, 1.0, uniform, None) for uniform in some])
        for drawn in found:
            assert drawn is not None and drawn.token is not None
            counts[drawn.token] += 1

    assert chi_square(counts, probabilities) > 1e-3


def test_what_a_step_left_is_wiped(checkpoint_of: dict[str, Checkpoint], compiled: Path) -> None:
    checkpoint = checkpoint_of["llama"]
    runner = CompiledRunner(checkpoint, compiled, dtype="float32")
    rig = Rig(runner, checkpoint)
    rig.step(rig.requests([20]))
    native = runner._step._native
    assert native._memory.any()

    assert runner.wipe_buffers() > 0
    assert not native._memory.any()


def test_a_second_start_captures_packs_and_compiles_nothing_and_says_the_same(
    checkpoint_of: dict[str, Checkpoint], compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = checkpoint_of["llama"]
    first = Rig(CompiledRunner(checkpoint, compiled, dtype="float32"), checkpoint)
    before = sorted(path for path in compiled.rglob("*"))
    monkeypatch.setattr(compiled_runner, "compiled_step", pytest.fail)
    monkeypatch.setattr(Checkpoint, "weights", pytest.fail)

    second = Rig(CompiledRunner(checkpoint, compiled, dtype="float32"), checkpoint)

    assert sorted(path for path in compiled.rglob("*")) == before
    assert torch.equal(*(rig.step(rig.requests(LENGTHS), most=100) for rig in (first, second)))


def test_what_it_takes_is_told(checkpoint_of: dict[str, Checkpoint], compiled: Path) -> None:
    checkpoint = checkpoint_of["llama"]
    runners = [DecoderRunner(checkpoint, dtype="bfloat16"), CompiledRunner(checkpoint, compiled, dtype="bfloat16")]
    for runner in runners:
        runner.reserve(BLOCKS)
    plain, ours = (runner.memory for runner in runners)

    assert plain.pages == ours.pages == BLOCKS * runners[0].store.block_bytes
    assert 0.9 * plain.weights < ours.weights < 1.5 * plain.weights, "packed to whole tiles"
    assert (plain.arena, plain.fragmentation) == (0, 0.0)
    assert ours.arena > 0 and 0.0 <= ours.fragmentation < 0.5
