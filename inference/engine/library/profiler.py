"""Where a module's time goes: its latency, its share by sub-module, and what bounds the slowest."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import torch
from torch import Tensor, nn

from inference.engine.library import serving
from inference.engine.library.config import InferenceOptConfig
from inference.engine.library.errors import LibraryError, ServingError
from inference.engine.library.latency import Summary, single_shot
from inference.engine.library.module_clock import ROOT, ModuleClock, Span
from inference.engine.library.module_cost import MachinePeaks, ModuleCost, machine_peaks
from inference.engine.library.runner import ModuleRunner, evaluating

KEPT_RUNS = 20
"""Runs whose calls a trace shows."""
OVERHEAD_SHARE = 0.2
"""A sub-module that takes over five times what arithmetic and memory explain is bounded by neither."""


@dataclass(frozen=True, slots=True)
class ProfileReport:
    """`latency` is of calls without hooks. `total_s` is the mean of the calls with hooks, measured from outside, and `modules` what
    each sub-module took of it for itself, slowest first; `hook_overhead` is how much longer those calls were, 0.1 for a tenth."""

    latency: Summary
    total_s: float
    modules: Mapping[str, float]
    hook_overhead: float


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """A sub-module's own time, without that of the sub-modules it calls.

    `bound` is `compute` or `memory`, by which of the two the machine would need more time for, or `overhead` where neither explains
    a fifth of the time: too small work for a call of its own.
    """

    name: str
    kind: str
    seconds: float
    share: float
    flops_per_s: float
    bytes_per_s: float
    bound: Literal["compute", "memory", "overhead"]


class LatencyProfiler:
    """Of one module. `profile` runs it; `attach` with `sample_every` watches the calls that others make.

    In a process that serves, only the second is allowed: `profile` raises ServingError there.
    """

    def __init__(self, model: nn.Module, *, sample_every: int | None = None) -> None:
        """`sample_every` N measures every N-th call while attached. Raises ValueError where it is below 1."""
        if sample_every is not None and sample_every < 1:
            raise ValueError("sample_every must be at least 1")
        self._module = model
        self._every = sample_every
        self._kinds = {name or ROOT: type(sub).__name__ for name, sub in model.named_modules()}
        self._clock = ModuleClock(model)
        self._handles: list[Any] = []
        self._calls = 0
        self._watching = False
        self._own: dict[str, float] = {}
        self._runs = 0
        self._kept: deque[list[Span]] = deque(maxlen=KEPT_RUNS)
        self._cost: ModuleCost | None = None

    @property
    def module(self) -> nn.Module:
        return self._module

    @property
    def sampled(self) -> int:
        """Calls measured by sub-module so far."""
        return self._runs

    def profile(self, value: Any, n_runs: int = 100, *, warmup: int = 10, seed: int = 0) -> ProfileReport:
        """Measures calls with one input as the module takes it, batch dimension included; a dict, list or tuple as
        `BatchInferenceEngine` has it. Every figure is of this profile alone. Raises ServingError in a serving process."""
        if serving.active():
            raise ServingError(
                "this process is serving; make the profiler with sample_every=N and attach() it, "
                "or profile in a process of its own"
            )
        runner = ModuleRunner(self._module, InferenceOptConfig(device=str(self._device())))
        args, kwargs = runner.arguments(value)
        with evaluating(self._module), torch.no_grad():
            sample = single_shot(lambda _: self._synced(args, kwargs), count=n_runs, warmup=warmup)
            self._forget()
            total = sum(self._clocked(args, kwargs) for _ in range(n_runs)) / n_runs
            self._count(args, kwargs)
        latency = sample.summary(seed=seed)
        plain = sum(sample.latencies_s) / len(sample.latencies_s)
        return ProfileReport(latency, total, self.per_module_breakdown(), max(0.0, total / plain - 1))

    def attach(self) -> None:
        """Begins to measure every N-th call that others make; the calls between cost one comparison. Raises ServingError in a
        serving process without `sample_every`."""
        if self._every is None and serving.active():
            raise ServingError("this process is serving; make the profiler with sample_every=N")
        if not self._handles:
            self._handles = [
                self._module.register_forward_pre_hook(self._before, prepend=True),
                self._module.register_forward_hook(self._after, always_call=True),
            ]

    def detach(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def per_module_breakdown(self) -> dict[str, float]:
        """Seconds of a call by sub-module, each without what it calls, slowest first; their sum is the call. Raises LibraryError
        before anything was measured."""
        if not self._runs:
            raise LibraryError("nothing is measured yet; call profile(), or attach() and wait for calls")
        own = {name: seconds / self._runs for name, seconds in self._own.items()}
        return dict(sorted(own.items(), key=lambda pair: -pair[1]))

    def bottleneck_analysis(self) -> list[Bottleneck]:
        """The sub-modules, slowest first. Raises LibraryError before `profile`, which alone counts operations and bytes."""
        own = self.per_module_breakdown()
        if self._cost is None:
            raise LibraryError(
                "operations and bytes are counted by profile(); call it in a process that does not serve"
            )
        total = sum(own.values())
        parts = dict(self._module.named_modules())
        found = []
        for name, seconds in own.items():
            flops, size = self._cost.flops[name], self._cost.bytes[name]
            peaks = machine_peaks(self._device(), _dtype(parts["" if name == ROOT else name]))
            rate = 1 / seconds if seconds > 0 else 0.0
            found.append(
                Bottleneck(
                    name,
                    self._kinds[name],
                    seconds,
                    seconds / total if total else 0.0,
                    flops * rate,
                    size * rate,
                    _bound(flops, size, seconds, peaks),
                )
            )
        return found

    def export_chrome_trace(self, path: Path | str) -> None:
        """Writes the last measured calls for `chrome://tracing` or Perfetto: names and classes of sub-modules, and nothing of what
        they were given. Raises LibraryError before anything was measured."""
        if not self._kept:
            raise LibraryError("nothing is measured yet; call profile(), or attach() and wait for calls")
        events = []
        begins = 0.0
        for spans in self._kept:
            for span in spans:
                events.append(
                    {
                        "name": span.name,
                        "cat": self._kinds[span.name],
                        "ph": "X",
                        "ts": (begins + span.start) * 1e6,
                        "dur": span.seconds * 1e6,
                        "pid": 0,
                        "tid": 0,
                    }
                )
            begins += max((span.start + span.seconds for span in spans), default=0.0)
        Path(path).write_text(json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}))

    def _device(self) -> torch.device:
        tensor = next(self._module.parameters(), None)
        return torch.device("cpu") if tensor is None else tensor.device

    def _synced(self, args: Any, kwargs: Any) -> None:
        self._module(*args, **kwargs)
        if self._device().type == "cuda":
            torch.cuda.synchronize(self._device())

    def _clocked(self, args: Any, kwargs: Any) -> float:
        """Seconds of one call with hooks, from outside; placing and removing them is not of the call."""
        self._clock.start()
        try:
            start = perf_counter()
            self._synced(args, kwargs)
            seconds = perf_counter() - start
        finally:
            spans = self._clock.stop()
        self._take(spans)
        return seconds

    def _count(self, args: Any, kwargs: Any) -> None:
        self._cost = cost = ModuleCost()
        self._clock.watcher = cost.enter
        try:
            with cost:
                self._clock.run(lambda: self._module(*args, **kwargs))
        finally:
            self._clock.watcher = None

    def _take(self, spans: list[Span]) -> None:
        for span in spans:
            self._own[span.name] = self._own.get(span.name, 0.0) + span.own
        self._runs += 1
        self._kept.append(spans)

    def _forget(self) -> None:
        self._own.clear()
        self._kept.clear()
        self._runs = 0

    def _before(self, module: nn.Module, args: Any) -> None:
        self._calls += 1
        if self._calls % (self._every or 1) == 0:
            # The hooks of the module itself for this call are already chosen: the clock enters it by hand.
            self._watching = True
            self._clock.start()
            self._clock._enter(module, args)

    def _after(self, module: nn.Module, args: Any, output: Any) -> None:
        if self._watching:
            self._watching = False
            self._clock._leave(module, args, output)
            self._take(self._clock.stop())


def _bound(flops: int, size: int, seconds: float, peaks: MachinePeaks) -> Literal["compute", "memory", "overhead"]:
    compute, memory = flops / peaks.flops_per_s, size / peaks.bytes_per_s
    if max(compute, memory) < OVERHEAD_SHARE * seconds:
        return "overhead"
    return "compute" if compute >= memory else "memory"


def _dtype(module: nn.Module) -> torch.dtype:
    floats = (
        tensor.dtype for tensor in module.parameters() if isinstance(tensor, Tensor) and tensor.is_floating_point()
    )
    return next(floats, torch.float32)
