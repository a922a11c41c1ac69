"""Settings of a step's kernels, found by measuring it as it will be served: one answer alone, some at once, and a prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from compiler.artifact.step_folder import Held
from compiler.backends.cpu import isa
from compiler.native.native import Compiled
from compiler.native.threads import Pool
from compiler.tune.tunable import Parity, Runner
from compiler.tune.tuner import Tuner
from compiler.tuned_step import TunedStep, macros
from compiler.validate.statistics import largest_error
from inference.engine.pools import native

Timed = Callable[[Compiled, int, Pool | None], Sequence[torch.Tensor]]
_CALLS = {1: 4, 8: 2, 64: 1}
"""Tokens of a call, and how many such calls are timed together: about as long in each."""
_ROUNDING = 0.02
"""The part of the largest output by which another order of sums may be off. What is served is proven for itself."""


def tuned(held: Held, timed: Timed, folder: Path, tuner: Tuner) -> Held:
    """The step with the best settings that `tuner` knows, or finds now, which takes minutes. `timed` runs a step on so many tokens.

    Raises ToolchainError, or NothingFits.
    """
    plain, pools = native(held, folder, torch.get_num_threads())
    expected = [timed(plain, tokens, None) for tokens in _CALLS]

    def run(step: Compiled) -> Runner:
        return lambda: [timed(step, tokens, None) for tokens, times in _CALLS.items() for _ in range(times)]

    def prove(step: Compiled) -> Parity:
        found = [timed(step, tokens, None) for tokens in _CALLS]
        pairs = [pair for mine, theirs in zip(found, expected, strict=True) for pair in zip(mine, theirs, strict=True)]
        floats = [(mine, theirs) for mine, theirs in pairs if theirs.is_floating_point()]
        error = max(largest_error(mine, theirs) / float(theirs.abs().max()) for mine, theirs in floats)
        return Parity(error <= _ROUNDING, {"error": error})

    with TunedStep(
        held, held.weights, isa.best(), folder, threads=pools.together.threads, prove=prove, run=run
    ) as step:
        winner = tuner.tune(step, step.key({"tokens": max(_CALLS)})).winner
    return replace(held, knobs=macros(winner))
