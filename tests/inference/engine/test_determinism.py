from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import torch

from inference.engine.blocks import BLOCK_TOKENS, DETERMINISTIC_PIECE, BlockPool, blocks_for
from inference.engine.checkpoint import Checkpoint
from inference.engine.decoder_runner import DecoderRunner
from inference.engine.models.layers import DtypeName
from inference.engine.request import Choice, Generation
from inference.engine.scheduler import Chunk
from tests.inference.engine import checkpoints
from tests.inference.engine.harness import generation

PROMPT = 150
ANSWER = 12
BLOCKS = 900
LONGEST = blocks_for(PROMPT + ANSWER)


@dataclass
class Rig:
    """A runner that is driven chunk by chunk, as a scheduler would."""

    checkpoint: Checkpoint
    dtype: DtypeName
    runner: DecoderRunner = field(init=False)
    pool: BlockPool = field(init=False)

    def __post_init__(self) -> None:
        self.runner = DecoderRunner(self.checkpoint, dtype=self.dtype)
        self.runner.reserve(BLOCKS)
        self.pool = BlockPool(BLOCKS)

    def request(self, seed: int, length: int = PROMPT, *, deterministic: bool) -> tuple[Generation, Choice]:
        ids = torch.randint(2, 320, (length,), generator=torch.Generator().manual_seed(seed)).tolist()
        made, _ = generation(self.checkpoint.tokenizer(), ids)
        made.deterministic = deterministic
        return made, made.add_choice(self.pool.allocate(LONGEST), 0)

    def answer(
        self, subject: tuple[Generation, Choice], company: list[tuple[Generation, Choice]], *, place: int = 0
    ) -> list[bytes]:
        """The bytes of the subject's logits for `ANSWER` greedy tokens, its chunk at `place` among those of its company."""
        found: list[bytes] = []
        while len(found) < ANSWER:
            sizes = [(pair, self._next(pair)) for pair in company]
            chunks = [Chunk(made, choice, choice.computed, end) for (made, choice), end in sizes]
            chunks.insert(place, Chunk(*subject, subject[1].computed, self._next(subject)))
            logits = self.runner.step(chunks)
            drawing = [chunk for chunk in chunks if chunk.samples]
            assert len(logits) == len(drawing)
            for chunk in chunks:
                chunk.choice.computed = chunk.end
            for chunk, row in zip(drawing, logits, strict=True):
                chunk.choice.tokens.append(int(row.argmax()))
                if chunk.choice is subject[1]:
                    found.append(row.float().numpy().tobytes())
        return found

    @staticmethod
    def _next(pair: tuple[Generation, Choice]) -> int:
        """Prompts in pieces of `DETERMINISTIC_PIECE`, which is what a scheduler promises for deterministic ones."""
        choice = pair[1]
        return min(choice.computed + DETERMINISTIC_PIECE, len(choice.tokens))


@pytest.fixture(scope="module", params=["float32", "float16", "bfloat16"])
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Rig:
    folder = checkpoints.save_decoder(tmp_path_factory.mktemp(request.param), "qwen3")
    return Rig(Checkpoint.open(folder), request.param)


def test_bits_are_the_same_alone_in_company_and_at_another_place(rig: Rig) -> None:
    alone = rig.answer(rig.request(1, deterministic=True), [])
    for place, deterministic in ((0, True), (17, True), (31, True), (5, False)):
        company = [rig.request(100 + i, 20 + 4 * i, deterministic=deterministic) for i in range(31)]
        assert rig.answer(rig.request(1, deterministic=True), company, place=place) == alone
        for made, choice in company:
            rig.pool.release(choice.blocks)
            del made


def test_bits_are_the_same_after_a_prefix_hit(rig: Rig) -> None:
    first = rig.request(2, deterministic=True)
    expected = rig.answer(first, [])
    again, choice = rig.request(2, deterministic=True)
    kept = DETERMINISTIC_PIECE * 2 // BLOCK_TOKENS
    choice.blocks[:kept] = first[1].blocks[:kept]
    choice.computed = DETERMINISTIC_PIECE * 2

    assert rig.answer((again, choice), [rig.request(9, 33, deterministic=False)], place=1) == expected


def test_without_the_promise_company_may_change_bits_but_not_what_they_say(rig: Rig) -> None:
    promised = rig.answer(rig.request(3, deterministic=True), [])
    plain = rig.answer(rig.request(3, deterministic=False), [])

    tolerance = 0.3 if rig.dtype == "bfloat16" else 1e-3
    for one, other in zip(promised[:1], plain[:1], strict=True):
        values = [torch.frombuffer(bytearray(row), dtype=torch.float32) for row in (one, other)]
        torch.testing.assert_close(*values, atol=tolerance, rtol=0.02)
