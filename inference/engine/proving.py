"""Whether a compiled decoder says what the checkpoint means: held against the truth, by as much as torch itself is off.

The truth is the checkpoint in float32 by torch's operators, torch itself the checkpoint in the type that it is served in. All
three compute the same prompts, which are made up, in the same pieces, and go on with the tokens that the truth would say.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from inference.engine.sampler import Draw, sample

AnyRunner = DecoderRunner | CompiledRunner

_LENGTHS = (3, 17, 64, 150, 300)
"""Tokens of prompts: less than a block, more than a block, a whole piece, several pieces."""
_ANSWER = 24
_PIECE = 64
_SIZED = 3
"""Tokens that as many answers as a size is for go on together."""
_DRAWS, _AT_ONCE = 256, 32
"""After each prompt, and in one step, of what is for any number."""
_LIKELIEST = 4
_LEAST_P = 1e-6
"""A draw that is less likely than this, among all, is not from the distribution that was meant."""
_BATCHES = (1, 8)
_CONTEXT = 128
_RUNS, _PROMPTS = 15, 5


@dataclass(frozen=True, slots=True)
class Truth:
    """What the checkpoint means at some places."""

    prompts: list[list[int]]
    logits: torch.Tensor
    """[prompts, answers' tokens, vocabulary]"""
    said: list[list[int]]
    """After each prompt, its answer: the likeliest tokens."""


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
        """Computes all that is left of them; it is done when this returns."""
        while running := [probe for probe in probes if probe.left]:
            self._stepped(running)
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    def step(self, probes: Sequence[Probe]) -> torch.Tensor:
        """Logits [those that reached their last token, vocabulary] in float32 on the CPU, the caller's own."""
        return self._stepped(probes).to("cpu", torch.float32, copy=True)

    def _stepped(self, probes: Sequence[Probe]) -> torch.Tensor:
        return self.runner.step([probe.chunk(_PIECE) for probe in probes])


def prompts(checkpoint: Checkpoint, lengths: Sequence[int], seed: int = 0) -> list[list[int]]:
    """Tokens that nobody said, the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    longest, vocabulary = checkpoint.config.max_tokens - _ANSWER, checkpoint.config.vocab_size
    return [
        torch.randint(0, vocabulary, (min(length, longest),), generator=generator).tolist()
        for length in lengths
        if min(length, longest) > 0
    ]


def truth_of(checkpoint: Checkpoint, progress: Progress, device: str = "cpu") -> Truth:
    """To be had before anything else is loaded: it holds the weights in float32. Raises CheckpointError."""
    given = prompts(checkpoint, _LENGTHS)
    runner = DecoderRunner(checkpoint, dtype="float32", device=device)
    logits = _followed(Rig(runner, checkpoint, _blocks(given)), given, None, progress)
    return Truth(given, logits, logits.argmax(-1).tolist())


def proved(
    checkpoint: Checkpoint,
    truth: Truth,
    eager: DecoderRunner,
    candidate: AnyRunner,
    contract: Contract,
    progress: Progress,
    sizes: Sequence[int] = (),
) -> tuple[Judged, list[dict[str, Any]]]:
    """Parity, and how long steps take beside torch's. `eager` holds its weights in the candidate's type. `sizes` are numbers of
    answers for which the candidate has code of their own."""
    timed = max(_BATCHES) * blocks_for(_context(checkpoint) + _RUNS + 2)
    alike = [_repeated(truth.prompts, size) for size in sizes]
    room = max(map(_blocks, [truth.prompts, *alike])) + timed
    rigs = [Rig(runner, checkpoint, room) for runner in (eager, candidate)]
    theirs, found = (_followed(rig, truth.prompts, truth.said, progress) for rig in rigs)
    rows = [[truth.logits.flatten(0, 1)], [theirs.flatten(0, 1)], [found.flatten(0, 1)]]
    for given in alike:
        numbers = [number % len(truth.prompts) for number in range(len(given))]
        together = _together(rigs[1], given, [truth.said[number] for number in numbers], progress)
        rows[0].append(truth.logits[numbers, 1 : _SIZED + 1].flatten(0, 1))
        rows[1].append(theirs[numbers, 1 : _SIZED + 1].flatten(0, 1))
        rows[2].append(together.flatten(0, 1))
    judged = judged_labels(contract, getattr(torch, candidate.dtype), *map(torch.cat, rows))
    _judge_draws(judged, _drawn_alike(rigs[1], truth.prompts, max(sizes, default=_AT_ONCE)))
    return judged, _measured(checkpoint, rigs, progress)


def _repeated(given: Sequence[list[int]], size: int) -> list[list[int]]:
    return [given[number % len(given)] for number in range(size)]


def _blocks(given: Sequence[list[int]]) -> int:
    return sum(blocks_for(len(prompt) + _ANSWER) for prompt in given)


def _context(checkpoint: Checkpoint) -> int:
    return max(1, min(_CONTEXT, checkpoint.config.max_tokens - _RUNS - 2))


def _judge_draws(judged: Judged, likelihood: float) -> None:
    judged.said["chi_square"] = likelihood
    # What draws from no numbers has been judged.
    if likelihood < _LEAST_P and not judged.reasons:
        judged.reasons.append(f"what is drawn in it is not drawn as its logits say (chi-square: {likelihood:.2g})")


def _followed(
    rig: Rig, given: Sequence[list[int]], said: Sequence[list[int]] | None, progress: Progress
) -> torch.Tensor:
    """Logits [prompts, answers' tokens, vocabulary], going on with what was `said`, or with what it says itself. Prompts of several
    lengths come to their ends in different steps, so that pieces of prompts and answers are in one batch."""
    probes = rig.probes(given, _ANSWER)
    rows: list[list[torch.Tensor]] = [[] for _ in given]
    steps = max(-(-len(prompt) // _PIECE) for prompt in given) + _ANSWER - 1
    for step in range(steps):
        progress("proving", step + 1, steps)
        running = [number for number, found in enumerate(rows) if len(found) < _ANSWER]
        logits = rig.step([probes[number] for number in running])
        ended = [number for number in running if not probes[number].left]
        for number, row in zip(ended, logits, strict=True):
            rows[number].append(row)
            token = int(row.argmax()) if said is None else said[number][len(rows[number]) - 1]
            probes[number].tokens.append(token)
    rig.give_back(probes)
    return torch.stack([torch.stack(found) for found in rows])


def _together(rig: Rig, given: Sequence[list[int]], said: Sequence[list[int]], progress: Progress) -> torch.Tensor:
    """Likewise the logits after the first tokens of answers that all go on in the same steps."""
    probes = rig.probes(given, _ANSWER)
    rig.fill(probes)
    rows = []
    for step in range(_SIZED):
        progress(f"proving {len(given)} at once", step + 1, _SIZED)
        for probe, answer in zip(probes, said, strict=True):
            probe.tokens.append(answer[step])
        rows.append(rig.step(probes))
    rig.give_back(probes)
    return torch.stack(rows, dim=1)


def _drawn_alike(rig: Rig, given: Sequence[list[int]], at_once: int) -> float:
    """The least likely draws after some prompts, times how many there were: drawn as requests' are, and held against the logits of
    the same steps."""
    uniform = torch.rand(_DRAWS, generator=torch.Generator().manual_seed(1), dtype=torch.float64).tolist()
    probes = rig.probes(given, 1)
    rig.fill(probes)
    least = 1.0
    kinds = 0, _LIKELIEST
    for probe in probes:
        for top_k in kinds:
            logits, tokens = _drawn(rig, probe, [Draw(1.0, top_k, 1.0, each, None) for each in uniform], at_once)
            if logits is None:
                return 0.0
            if top_k:
                logits = torch.full_like(logits, -torch.inf).index_put(
                    (kept := logits.topk(top_k).indices,), logits[kept]
                )
            seen = torch.bincount(torch.tensor(tokens), minlength=len(logits))
            least = min(least, chi_square(seen, logits.double().softmax(-1)))
    rig.give_back(probes)
    return min(1.0, least * len(kinds) * len(probes))


def _drawn(rig: Rig, probe: Probe, draws: Sequence[Draw], at_once: int) -> tuple[torch.Tensor | None, list[int]]:
    """A row of logits [vocabulary], and tokens drawn from it; None where it is no row of numbers."""
    tokens: list[int] = []
    row: torch.Tensor | None = None
    for at in range(0, len(draws), at_once):
        some = list(draws[at : at + at_once])
        logits, drawn = rig.runner.draw([probe.last()] * len(some), some)
        if any(each is None for each in drawn):
            drawn = list(sample(logits, some))
        row = logits[0].to("cpu", torch.float32, copy=True)
        if not bool(row.isfinite().all()):
            return None, []
        tokens += [each.token or 0 for each in drawn if each is not None]
    return row, tokens


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
