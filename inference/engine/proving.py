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
from inference.engine.blocks import blocks_for
from inference.engine.checkpoint import Checkpoint
from inference.engine.decoder_runner import DecoderRunner
from inference.engine.errors import NoKernels
from inference.engine.filling import check_asked, filling
from inference.engine.judging import Judged, Progress, judged_labels, measurement
from inference.engine.kernel_program import rows_of
from inference.engine.probe import Probe
from inference.engine.proven_draws import judge_draws, judge_form
from inference.engine.rig import PIECE, AnyRunner, Rig, prompts

_LENGTHS = (3, 17, 64, 150, 300)
"""Tokens of prompts: less than a block, more than a block, a whole piece, several pieces."""
_ANSWER = 24
_SIZED = 3
"""Tokens that as many answers as a size is for go on together."""
_AT_ONCE = 32
"""Draws in one step of what is for any number."""
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


def truth_of(checkpoint: Checkpoint, progress: Progress, device: str = "cpu") -> Truth:
    """To be had before anything else is loaded: it holds the weights in float32. Raises CheckpointError."""
    given = prompts(checkpoint, _LENGTHS, room=_ANSWER)
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
    """Parity, and how long steps take beside torch's. `eager` holds its weights in the candidate's type. `sizes` are of steps, in
    tokens, for which the candidate has code of its own: each is asked. Raises NoKernels where it has none, or that cannot be."""
    timed = max(_BATCHES) * blocks_for(_context(checkpoint) + _RUNS + 2)
    at_once = {size: _numbers(truth.prompts, size) for size in sizes}
    alike = [[truth.prompts[number] for number in numbers] for numbers in at_once.values()]
    room = max(map(_blocks, [truth.prompts, *alike])) + timed
    rigs = [Rig(runner, checkpoint, room) for runner in (eager, candidate)]
    if isinstance(candidate, DecoderRunner) and candidate.uncompiled:
        raise NoKernels(candidate.uncompiled)
    theirs, found = (_followed(rig, truth.prompts, truth.said, progress) for rig in rigs)
    rows = [(truth.logits.flatten(0, 1), theirs.flatten(0, 1), found.flatten(0, 1))]
    for size, numbers in at_once.items():
        steps = slice(0, 1) if _is_of_prompts(size) else slice(1, _SIZED + 1)
        wanted, reference = (logits[numbers, steps].flatten(0, 1) for logits in (truth.logits, theirs))
        given, said = ([of[number] for number in numbers] for of in (truth.prompts, truth.said))
        progress(f"proving {size} tokens at once", 0, 1)
        rows.append(
            (wanted, reference, _prompted(rigs[1], given) if _is_of_prompts(size) else _together(rigs[1], given, said))
        )
    if isinstance(candidate, DecoderRunner):
        check_asked(sizes, candidate.kernels.used)
    judged = judged_labels(contract, getattr(torch, candidate.dtype), *map(torch.cat, zip(*rows, strict=True)))
    if not judged.reasons:
        # What draws from no numbers, or from others, has been judged.
        few = [size for size in sizes if not _is_of_prompts(size)]
        judge_draws(judged, rigs[1], truth.prompts, max(few, default=_AT_ONCE))
        judge_form(judged, rigs[1], checkpoint)
    return judged, _measured(checkpoint, rigs, progress)


def _is_of_prompts(size: int) -> bool:
    """Whether more tokens are in a step of that size than answers can be."""
    return rows_of(size) < size


def _numbers(given: Sequence[list[int]], size: int) -> list[int]:
    """Of prompts for a step of that size: those of as many answers, or so many that their tokens fill it."""
    if _is_of_prompts(size):
        return filling(given, size, rows_of(size))
    return [number % len(given) for number in range(size)]


def _blocks(given: Sequence[list[int]]) -> int:
    return sum(blocks_for(len(prompt) + _ANSWER) for prompt in given)


def _context(checkpoint: Checkpoint) -> int:
    return max(1, min(_CONTEXT, checkpoint.config.max_tokens - _RUNS - 2))


def _followed(
    rig: Rig, given: Sequence[list[int]], said: Sequence[list[int]] | None, progress: Progress
) -> torch.Tensor:
    """Logits [prompts, answers' tokens, vocabulary], going on with what was `said`, or with what it says itself. Prompts of several
    lengths come to their ends in different steps, so that pieces of prompts and answers are in one batch."""
    probes = rig.probes(given, _ANSWER)
    rows: list[list[torch.Tensor]] = [[] for _ in given]
    steps = max(-(-len(prompt) // PIECE) for prompt in given) + _ANSWER - 1
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


def _together(rig: Rig, given: Sequence[list[int]], said: Sequence[list[int]]) -> torch.Tensor:
    """Likewise the logits after the first tokens of answers that all go on in the same steps, all rows after each other."""
    probes = rig.probes(given, _ANSWER)
    rig.fill(probes)
    rows = []
    for step in range(_SIZED):
        for probe, answer in zip(probes, said, strict=True):
            probe.tokens.append(answer[step])
        rows.append(rig.step(probes))
    rig.give_back(probes)
    return torch.stack(rows, dim=1).flatten(0, 1)


def _prompted(rig: Rig, given: Sequence[list[int]]) -> torch.Tensor:
    """Logits [prompts, vocabulary] after prompts that are all computed in one step."""
    probes = rig.probes(given, 0)
    logits = rig.step(probes, max(map(len, given)))
    rig.give_back(probes)
    return logits


def _measured(checkpoint: Checkpoint, rigs: Sequence[Rig], progress: Progress) -> list[dict[str, Any]]:
    """Medians of steps that take turns, in nanoseconds; the first of each is not counted. `rigs` are the reference's and ours."""
    context = _context(checkpoint)
    found = []
    for number, batch in enumerate(_BATCHES):
        given = prompts(checkpoint, [context] * batch, room=_ANSWER, seed=1)
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
    [prompt] = prompts(checkpoint, [context], room=_ANSWER, seed=2)
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
