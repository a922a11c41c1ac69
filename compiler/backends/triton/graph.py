"""A bucket's step as one CUDA graph: launched as one, with what it reads and writes always in the same places."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch

from compiler.backends.triton.launch import Step

Pool = Any
"""What torch calls a handle of memory that recordings share."""

_WARM = 3
"""Runs before a recording: libraries make their workspaces in the first."""


class NoGraphs(RuntimeError):
    """There is no device to record on, or it cannot; steps run launch by launch."""


class Recording(Protocol):
    """What launches again what was launched when it was made."""

    def __call__(self) -> None: ...

    def pool(self) -> Pool: ...


Record = Callable[[Callable[[], object], torch.device, Pool], Recording]
"""From what is launched, a device, and a pool of memory or None."""


class Recorded:
    """Whatever is launched always alike. The recording is launched on the current stream."""

    def __init__(self, run: Callable[[], object], device: torch.device, pool: Pool = None) -> None:
        """Runs it a few times and records it; recordings of one `pool` share memory and take turns. Raises NoGraphs."""
        if device.type != "cuda" or not torch.cuda.is_available():
            raise NoGraphs(f"graphs are recorded on a GPU, and this is {device}; run the step launch by launch")
        self._graph = torch.cuda.CUDAGraph()
        side = torch.cuda.Stream(device)
        side.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(side), torch.no_grad():
            for _ in range(_WARM):
                run()
        torch.cuda.current_stream(device).wait_stream(side)
        with torch.no_grad(), torch.cuda.graph(self._graph, pool=pool):
            run()

    def __call__(self) -> None:
        self._graph.replay()

    def pool(self) -> Pool:
        return self._graph.pool()


class Buckets:
    """The steps of a ladder of buckets, each recorded; the largest first, so that the others fit in its memory."""

    def __init__(self, steps: Mapping[int, Step]) -> None:
        """By size. A step that writes to a cache does so while it is recorded: record before a cache is used. Raises NoGraphs."""
        if not steps:
            raise ValueError("a ladder has a bucket at least")
        for step in steps.values():
            if not step.plan.device.graphs:
                raise NoGraphs(f"{step.plan.device.name} has no graphs; run the step launch by launch")
        pool: Pool = None
        self._steps: dict[int, tuple[Step, Recorded]] = {}
        for size in sorted(steps, reverse=True):
            recorded = Recorded(steps[size].run, steps[size].device, pool)
            pool = recorded.pool()
            self._steps[size] = steps[size], recorded

    def __contains__(self, size: int) -> bool:
        return size in self._steps

    def __call__(self, size: int, inputs: Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
        """The outputs of bucket `size`, until the next call. Raises KeyError for no bucket, Unfit for other inputs."""
        step, recorded = self._steps[size]
        step.fill(inputs)
        recorded()
        return step.outputs
