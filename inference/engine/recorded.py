"""A program's steps of several sizes on a GPU, each recorded once: they take turns in the memory of the largest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from compiler.artifact.kernel_folder import Sized
from compiler.backends.triton.graph import Record, Recorded, Recording
from compiler.backends.triton.launch import Step
from compiler.ir.program import Program

Then = Callable[[Step], Callable[[], object]]
"""From a step, what runs after it; called before it runs for the first time."""


@dataclass(frozen=True, slots=True)
class Size:
    tokens: int
    step: Step
    run: Recording


class RecordedSteps:
    def __init__(
        self,
        program: Program,
        plans: Sized,
        states: Mapping[str, torch.Tensor],
        folder: Path,
        device: torch.device,
        record: Record = Recorded,
        then: Then | None = None,
    ) -> None:
        """Of a program and its plans by number of tokens. Kernels are kept in `folder`. What is run to be recorded is run on zeros,
        or on what `then` puts there.

        Raises NoTriton, NotCompiled, NoGraphs.
        """
        on_device = {id(tensor): tensor.to(device) for tensor in program.weights.values()}
        self.weights = {name: on_device[id(tensor)] for name, tensor in program.weights.items()}
        """Where the kernels read them."""
        self.used: Counter[int] = Counter()
        """Steps, by the size that computed them."""
        pool, memory = None, None
        self.sizes: list[Size] = []
        """The smallest first."""
        # The largest first: the others then live in memory that it has taken.
        for tokens in sorted(plans, reverse=True):
            plan = plans[tokens].plan
            step = Step(plan, Program(plan.graph, self.weights, {}), states, folder, device=device, memory=memory)
            memory = step.memory if memory is None else memory
            for given in step.inputs:
                # A larger size has left something there that is no input of this one.
                given.zero_()
            run = step.run if then is None else partial(_both, step.run, then(step))
            recording = record(run, device, pool)
            pool = recording.pool()
            self.sizes.insert(0, Size(tokens, step, recording))

    def run(self, size: Size, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """What it gives, until the next run of any size."""
        size.step.put(inputs)
        size.run()
        self.used[size.tokens] += 1
        return size.step.outputs[0]

    def memories(self) -> list[torch.Tensor]:
        """All that is beside weights and states, each once."""
        found: dict[int, torch.Tensor] = {}
        for size in self.sizes:
            found |= {tensor.data_ptr(): tensor for tensor in size.step.memories}
        return list(found.values())


def _both(first: Callable[[], object], second: Callable[[], object]) -> None:
    first()
    second()
