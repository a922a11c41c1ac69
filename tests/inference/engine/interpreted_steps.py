"""What tests of steps of kernels ask for; imported where Triton interprets, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from compiler.backends.triton.capabilities import capabilities
from inference.engine import decoder_runner
from inference.engine.blocks import BlockPool, blocks_for
from inference.engine.checkpoint import Checkpoint
from inference.engine.decoder_runner import DecoderRunner
from inference.engine.kernel_steps import KernelSteps
from inference.engine.models.layers import DtypeName
from inference.engine.request import Choice, Generation
from inference.engine.sampler import Draw, Drawn
from inference.engine.scheduler import Chunk
from tests.inference.engine import checkpoints
from tests.inference.engine.harness import generation

BLOCKS = 40
CHIP = capabilities("sm_90")
PROMPTS = (5, 30, 17)


class Launched:
    """In the place of a recording: the launches themselves."""

    def __init__(self, run: Callable[[], object], device: torch.device, pool: Any) -> None:
        self._run = run

    def __call__(self) -> None:
        self._run()

    def pool(self) -> None:
        return None


@dataclass(frozen=True)
class Seen:
    mine: list[torch.Tensor]
    """Logits of each step of running answers."""
    theirs: list[torch.Tensor]
    drawn: list[list[Drawn | None]]
    caches: list[tuple[torch.Tensor, torch.Tensor]]
    prompts: list[torch.Tensor]
    """Logits after a prompt by the network itself, before it shares the kernels' weights and after."""
    shared: bool
    """Whether a layer's weight is in memory once, for both."""
    too_many: bool
    """Whether more answers than any size takes go on by the network, and are counted."""
    left: bool
    """Whether something of a step is in its memory after a wipe."""


class Texts:
    """The same requests for each of some runners."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._tokenizer, self._pool = checkpoint.tokenizer(), BlockPool(BLOCKS)
        self.made: list[tuple[Generation, Choice]] = []

    def add(self, length: int) -> tuple[Generation, Choice]:
        ids = torch.randint(2, 320, (length,), generator=torch.Generator().manual_seed(length)).tolist()
        request, _ = generation(self._tokenizer, ids)
        self.made.append((request, request.add_choice(self._pool.allocate(blocks_for(length + 8)), 0)))
        return self.made[-1]

    def chunks(self) -> list[Chunk]:
        return [Chunk(*pair, pair[1].computed, len(pair[1].tokens)) for pair in self.made]

    def told(self, tokens: list[int]) -> None:
        for (_, choice), token in zip(self.made, tokens, strict=True):
            choice.computed = len(choice.tokens)
            choice.tokens.append(token)


def followed(family: str, dtype: DtypeName, folder: Path, draws: list[Draw], quantized: torch.dtype | None) -> Seen:
    """Three answers go on for three steps by kernels, beside a network that goes on with the same tokens."""
    # A processor reads packed weights, and what a GPU computes with is asked for. This process is the interpreter's own.
    decoder_runner.pack = lambda network: None  # type: ignore[attr-defined]
    checkpoint = Checkpoint.open(checkpoints.save_decoder(folder / family, family, heads=4))
    runners = [DecoderRunner(checkpoint, dtype=dtype) for _ in range(2)]
    reference, ours = runners
    texts = [Texts(checkpoint) for _ in runners]
    for runner, each in zip(runners, texts, strict=True):
        runner.reserve(BLOCKS)
        for length in PROMPTS:
            each.add(length)
    before = [runner.step(each.chunks()) for runner, each in zip(runners, texts, strict=True)]
    for each in texts:
        each.told([int(row.argmax()) for row in before[0]])
    kernels = KernelSteps(
        ours._network,
        ours.store.layers,
        folder,
        CHIP,
        torch.device("cpu"),
        quantized=quantized,
        rows=(1, 2, 4),
        record=Launched,
        upcast=dtype == "bfloat16",
    )
    ours._kernels = kernels
    mine, theirs, drawn = [], [], []
    for _ in range(3):
        found = ours.draw(texts[1].chunks(), draws)
        assert torch.equal(found[0], ours.step(texts[1].chunks()))
        mine.append(found[0].clone())
        drawn.append(found[1])
        theirs.append(reference.step(texts[0].chunks()))
        for each in texts:
            each.told([int(row.argmax()) for row in theirs[-1]])
    caches = [(a.clone(), b.clone()) for a, b in zip(ours.store.layers, reference.store.layers, strict=True)]
    prompts = []
    for runner in runners:
        alone = Texts(checkpoint)
        alone.add(40)
        prompts.append(runner.step(alone.chunks()))
    many = ours.draw(texts[1].chunks() * 2, draws * 2)[1] == [None] * 6 and ours.slow_path == 1
    ours.wipe_buffers()
    size = kernels._sizes[4]
    buffers = (size.step._memory, *size.step.inputs, *size.step.outputs, size.sampler.tokens)
    weight = ours._network.layers[0].self_attn.qkv_proj.weight  # type: ignore[union-attr]  # typed as modules of any kind
    shared = weight.data_ptr() in {each.data_ptr() for each in size.step._weights.values()}
    return Seen(mine, theirs, drawn, caches, prompts, shared, many, any(bool(each.any()) for each in buffers))
