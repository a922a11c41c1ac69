"""Whether a compiled decoder says what the checkpoint means: held against the truth, by as much as torch itself is off.

The truth is the checkpoint in float32 by torch's operators, torch itself the checkpoint in the type that it is served in. All
three compute the same prompts, which are made up, in the same pieces, and go on with the tokens that the truth would say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

import torch

from compiler.validate.contract import Contract
from compiler.validate.statistics import chi_square
from inference.engine.blocks import blocks_for
from inference.engine.checkpoint import Checkpoint
from inference.engine.compiled_runner import CompiledRunner
from inference.engine.decoder_runner import DecoderRunner
from inference.engine.judging import Judged, Progress, judged_labels, measurement
from inference.engine.probe import Probe
from inference.engine.sampler import Counts, Draw, sample

AnyRunner = DecoderRunner | CompiledRunner

_LENGTHS = (3, 17, 64, 150, 300)
"""Tokens of prompts: less than a block, more than a block, a whole piece, several pieces."""
_ANSWER = 24
_PIECE = 64
_DRAWS = 256
"""Of each row that is drawn from."""
_LEAST_P = 1e-6
"""A draw that is less likely than this, among all rows, is not from the distribution that was meant."""
_BATCHES = (1, 8)
_CONTEXT = 128
_RUNS, _PROMPTS = 15, 5


@dataclass(frozen=True, slots=True)
class Truth:
    """What the checkpoint means at some places."""

    prompts: list[list[int]]
    logits: torch.Tensor
    """[places, vocabulary]"""
    said: list[list[int]]
    """Of each step the likeliest tokens, one for each prompt that had come to its end."""


class Rig:
    """A runner with a cache of its own, driven as a scheduler would."""

    def __init__(self, runner: AnyRunner, checkpoint: Checkpoint, blocks: int) -> None:
        self.runner = runner
        self._tokenizer = checkpoint.tokenizer()
        self._free = list(range(1, blocks + 1))
        runner.reserve(blocks + 1)

    def probes(self, prompts: Sequence[list[int]], answer: int) -> list[Probe]:
        """One for each prompt, with room for an answer of so many tokens."""
        made = []
        for prompt in prompts:
            count = blocks_for(len(prompt) + answer)
            made.append(Probe(self._tokenizer, prompt, self._free[:count]))
            self._free = self._free[count:]
        return made

    def give_back(self, probes: Sequence[Probe]) -> None:
        for probe in probes:
            self._free += probe.blocks
            probe.wipe()

    def fill(self, probes: Sequence[Probe]) -> None:
        """Computes all that is left of them."""
        while running := [probe for probe in probes if probe.left]:
            self.step(running)

    def step(self, probes: Sequence[Probe], piece: int = _PIECE) -> torch.Tensor:
        """Logits [those that reached their last token, vocabulary]."""
        return self.runner.step([probe.chunk(piece) for probe in probes])


def prompts(checkpoint: Checkpoint, lengths: Sequence[int], seed: int = 0) -> list[list[int]]:
    """Tokens that nobody said, the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    longest, vocabulary = checkpoint.config.max_tokens - _ANSWER, checkpoint.config.vocab_size
    return [
        torch.randint(0, vocabulary, (min(length, longest),), generator=generator).tolist()
        for length in lengths
        if min(length, longest) > 0
    ]


def truth_of(checkpoint: Checkpoint, progress: Progress) -> Truth:
    """To be had before anything else is loaded: it holds the weights in float32. Raises CheckpointError."""
    given = prompts(checkpoint, _LENGTHS)
    rig = Rig(DecoderRunner(checkpoint, dtype="float32"), checkpoint, _blocks(given))
    rows, said = [], []
    for logits in _followed(rig, given, None, progress):
        rows.append(logits)
        said.append([int(token) for token in logits.argmax(-1)])
    return Truth(given, torch.cat(rows), said)


def proved(
    checkpoint: Checkpoint,
    truth: Truth,
    eager: DecoderRunner,
    candidate: CompiledRunner,
    contract: Contract,
    progress: Progress,
) -> tuple[Judged, list[dict[str, Any]]]:
    """Parity, and how long steps take beside torch's. `eager` holds its weights in the candidate's type."""
    timed = max(_BATCHES) * blocks_for(_context(checkpoint) + _RUNS + 2)
    rigs = [Rig(runner, checkpoint, _blocks(truth.prompts) + timed) for runner in (eager, candidate)]
    rows = [torch.cat(list(_followed(rig, truth.prompts, truth.said, progress))) for rig in rigs]
    return judge(contract, getattr(torch, candidate.dtype), truth.logits, *rows), _measured(checkpoint, rigs, progress)


def _blocks(given: Sequence[list[int]]) -> int:
    return sum(blocks_for(len(prompt) + _ANSWER) for prompt in given)


def _context(checkpoint: Checkpoint) -> int:
    return max(1, min(_CONTEXT, checkpoint.config.max_tokens - _RUNS - 2))


def judge(
    contract: Contract, dtype: torch.dtype, truth: torch.Tensor, eager: torch.Tensor, found: torch.Tensor
) -> Judged:
    """Of logits [places, vocabulary]; eager and found were computed in `dtype`. What is drawn from them is judged, too."""
    judged = judged_labels(contract, dtype, truth, eager, found)
    likelihood = _drawn_alike(found, truth)
    judged.said["chi_square"] = likelihood
    if likelihood < _LEAST_P and bool(found.isfinite().all()):
        judged.reasons.append(f"what is drawn from it is not drawn alike (chi-square: {likelihood:.2g})")
    return judged


def _followed(
    rig: Rig, given: Sequence[list[int]], said: Sequence[list[int]] | None, progress: Progress
) -> Iterator[torch.Tensor]:
    """Logits of each step that has some, going on with what was `said`, or with what it says itself. Prompts of several lengths
    come to their ends in different steps, so that pieces of prompts and answers are in one batch."""
    probes = rig.probes(given, _ANSWER)
    places = 0
    steps = max(-(-len(prompt) // _PIECE) for prompt in given) + _ANSWER - 1
    for number in range(steps):
        progress("proving", number + 1, steps)
        pairs = zip(probes, given, strict=True)
        running = [probe for probe, prompt in pairs if len(probe.tokens) < len(prompt) + _ANSWER]
        logits = rig.step(running)
        ended = [probe for probe in running if not probe.left]
        if ended:
            tokens = [int(token) for token in logits.argmax(-1)] if said is None else said[places]
            places += 1
            for probe, token in zip(ended, tokens, strict=True):
                probe.tokens.append(token)
            yield logits.float()
    rig.give_back(probes)


def _drawn_alike(found: torch.Tensor, truth: torch.Tensor) -> float:
    """The least likely draw over some rows, times their number: by the engine's sampler, from what was found."""
    rows = torch.arange(0, len(found), max(1, len(found) // 8))
    uniform = torch.rand(_DRAWS, generator=torch.Generator().manual_seed(1), dtype=torch.float64).tolist()
    least, counts = 1.0, Counts()
    for row in rows.tolist():
        if not bool(found[row].isfinite().all()):
            return 0.0
        draws = [Draw(1.0, 0, 1.0, each, None) for each in uniform]
        tokens = [drawn.token or 0 for drawn in sample(found[row].expand(_DRAWS, -1).clone(), draws, counts)]
        seen = torch.bincount(torch.tensor(tokens), minlength=found.shape[-1])
        least = min(least, chi_square(seen, truth[row].double().softmax(-1)))
    return min(1.0, least * len(rows))


def _measured(checkpoint: Checkpoint, rigs: Sequence[Rig], progress: Progress) -> list[dict[str, Any]]:
    """Medians of steps that take turns, in nanoseconds; the first of each is not counted. `rigs` are the reference's and ours."""
    context = _context(checkpoint)
    found = []
    for number, batch in enumerate(_BATCHES):
        given = prompts(checkpoint, [context] * batch, seed=1)
        sets = [rig.probes(given, _RUNS + 1) for rig in rigs]
        times: list[list[int]] = [[], []]
        for run in range(_RUNS + 1):
            progress("measuring", number * (_RUNS + 1) + run + 1, len(_BATCHES) * (_RUNS + 1))
            for rig, probes, taken in zip(rigs, sets, times, strict=True):
                rig.fill(probes)
                for probe in probes:
                    probe.tokens.append(run % checkpoint.config.vocab_size)
                taken.append(_timed(rig, probes))
        found.append(measurement("decode", batch, context, times))
        for rig, probes in zip(rigs, sets, strict=True):
            rig.give_back(probes)
    [prompt] = prompts(checkpoint, [context], seed=2)
    times = [[], []]
    for _ in range(_PROMPTS + 1):
        for rig, taken in zip(rigs, times, strict=True):
            probes = rig.probes([prompt], 0)
            taken.append(_timed(rig, probes))
            rig.give_back(probes)
    return [*found, measurement("prompt", 1, context, times)]


def _timed(rig: Rig, probes: Sequence[Probe]) -> int:
    began = perf_counter_ns()
    rig.fill(probes)
    return perf_counter_ns() - began
