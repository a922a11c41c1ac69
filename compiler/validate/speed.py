"""How long a call takes, beside torch's own operators: for the record, and no reason to use one or the other."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import torch

from compiler.ir.interpret import interpret
from compiler.ir.program import Program
from compiler.validate.parity import Candidate

RUNS, LONGEST = 15, 0.3
"""At most so many of each, and seconds for all of them: a compilation is not a benchmark."""


def measured(
    program: Program,
    candidate: Candidate,
    example: Sequence[torch.Tensor],
    settle: Callable[[], object] = lambda: None,
) -> dict[str, int]:
    """Medians, in nanoseconds, of calls that take turns; the first of each is not counted. `settle` waits for a device."""
    states = {name: state.clone() for name, state in program.states.items()}
    calls: list[Callable[[], object]] = [
        lambda: candidate(example, states),
        lambda: interpret(program.graph, example, weights=program.weights, states=states),
    ]
    times: list[list[int]] = [[], []]
    began = time.perf_counter()
    while len(times[0]) <= RUNS and (len(times[0]) < 2 or time.perf_counter() - began < LONGEST):
        for call, taken in zip(calls, times, strict=True):
            at = time.perf_counter_ns()
            call()
            settle()
            taken.append(time.perf_counter_ns() - at)
    mine, reference = (int(statistics.median(taken[1:])) for taken in times)
    return {"median_ns": mine, "reference_ns": reference, "runs": len(times[0]) - 1}
