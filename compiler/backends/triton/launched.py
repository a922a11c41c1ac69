"""A bucket on a GPU, as a call: what compiled code of a processor is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import is_
from pathlib import Path
from threading import Lock

import torch

from compiler.backends.triton.graph import Record, Recorded
from compiler.backends.triton.launch import Step
from compiler.backends.triton.plans import Plan
from compiler.ir.program import Program


class Launched:
    """Calls take turns. Kernels, and where all lies, are made at the first call over a set of caches, and are for these."""

    def __init__(
        self,
        plan: Plan,
        weights: Mapping[str, torch.Tensor],
        folder: Path,
        device: torch.device,
        record: Record = Recorded,
    ) -> None:
        """`weights` lie on `device`; kernels are kept in `folder`."""
        self._plan, self._weights, self._folder, self._device, self._record = plan, weights, folder, device, record
        self._states: list[torch.Tensor] = []
        self._turn = Lock()
        self._step: Step | None = None
        self._run: Callable[[], object] = lambda: None

    def __call__(self, inputs: Sequence[torch.Tensor], states: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """The outputs, the caller's own; what the program writes to its caches is in `states` afterwards.

        Raises Unfit, or at the first call NoTriton, NotCompiled, NoGraphs.
        """
        with self._turn:
            step = self._over(states)
            step.fill(inputs)
            self._run()
            return tuple(output.clone() for output in step.outputs)

    @property
    def bytes(self) -> int:
        """Memory that calls take beside weights and caches; 0 before the first."""
        return 0 if self._step is None else self._step.bytes

    def _over(self, states: Mapping[str, torch.Tensor]) -> Step:
        caches = [states[name] for name in sorted(self._plan.graph.caches)]
        if self._step is not None and len(caches) == len(self._states) and all(map(is_, caches, self._states)):
            return self._step
        step = Step(self._plan, Program(self._plan.graph, self._weights, {}), states, self._folder, device=self._device)
        if all(reference.is_recordable for reference in self._plan.references):
            # A recording is made by running it, and that writes to the caches.
            before = [cache.clone() for cache in caches]
            self._run = self._record(step.run, self._device, None)
            for cache, kept in zip(caches, before, strict=True):
                cache.copy_(kept)
        else:
            self._run = step.run
        self._step, self._states = step, caches
        return step
