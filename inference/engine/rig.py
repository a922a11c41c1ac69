"""A runner with a cache of its own, driven as a scheduler would drive it, on texts that nobody wrote."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from inference.engine.blocks import blocks_for
from inference.engine.checkpoint import Checkpoint
from inference.engine.compiled_runner import CompiledRunner
from inference.engine.decoder_runner import DecoderRunner
from inference.engine.probe import Probe

AnyRunner = DecoderRunner | CompiledRunner
PIECE = 64
"""Tokens of a prompt that are computed together."""


class Rig:
    """A runner with a cache of its own, driven as a scheduler would."""

    def __init__(self, runner: AnyRunner, checkpoint: Checkpoint, blocks: int) -> None:
        self.runner = runner
        self.tokenizer = checkpoint.tokenizer()
        self._free = list(range(1, blocks + 1))
        runner.reserve(blocks + 1)

    def probes(self, prompts: Sequence[list[int]], answer: int) -> list[Probe]:
        """One for each prompt, with room for an answer of so many tokens."""
        made = []
        for prompt in prompts:
            count = blocks_for(len(prompt) + answer)
            made.append(Probe(self.tokenizer, prompt, self._free[:count]))
            self._free = self._free[count:]
        return made

    def give_back(self, probes: Sequence[Probe]) -> None:
        for probe in probes:
            self._free += probe.blocks
            probe.wipe()

    def fill(self, probes: Sequence[Probe]) -> None:
        """Computes all that is left of them; it is done when this returns."""
        while running := [probe for probe in probes if probe.left]:
            self._stepped(running)
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    def step(self, probes: Sequence[Probe], piece: int = PIECE) -> torch.Tensor:
        """Logits [those that reached their last token, vocabulary] in float32 on the CPU, the caller's own."""
        return self._stepped(probes, piece).to("cpu", torch.float32, copy=True)

    def _stepped(self, probes: Sequence[Probe], piece: int = PIECE) -> torch.Tensor:
        return self.runner.step([probe.chunk(piece) for probe in probes])


def prompts(checkpoint: Checkpoint, lengths: Sequence[int], *, room: int, seed: int = 0) -> list[list[int]]:
    """Tokens that nobody said, the same for the same seed, with room for so many more."""
    generator = torch.Generator().manual_seed(seed)
    longest, vocabulary = checkpoint.config.max_tokens - room, checkpoint.config.vocab_size
    return [
        torch.randint(0, vocabulary, (min(length, longest),), generator=generator).tolist()
        for length in lengths
        if min(length, longest) > 0
    ]
