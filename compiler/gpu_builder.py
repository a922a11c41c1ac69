"""Buckets of a GPU: each planned as launches, and tried on it beside the processor's truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from compiler.artifact.content import PlannedBucket
from compiler.backends.triton.codegen import planned
from compiler.backends.triton.launched import Launched
from compiler.backends.triton.plans import NotPlanned
from compiler.backends.triton.spaces import cuts_of
from compiler.builder import Builder, Sizes, Tried
from compiler.ir.program import Program
from compiler.passes.manager import for_gpu, optimized
from compiler.target import Gpu
from compiler.tune.tuner import Tuner
from compiler.validate.parity import Parities
from compiler.validate.speed import measured

_NARROW = {None: None, "int8": torch.int8, "float8": torch.float8_e4m3fn}


@dataclass(frozen=True, kw_only=True)
class GpuBuilder(Builder):
    target: Gpu
    tuner: Tuner | None = None
    """Chooses how launches are cut; without one rules do."""

    def _bucket(
        self, captured: Program, sizes: Sizes, example: Sequence[torch.Tensor]
    ) -> tuple[PlannedBucket, dict[str, Tried]]:
        if self.quantize not in _NARROW:
            raise NotPlanned(f"a GPU reads int8, float8, or weights as they are, and not {self.quantize}")
        gpu = self.target
        if self.quantize == "float8" and not gpu.chip.float8:
            raise NotPlanned(f"{gpu.chip.name} has no floats of eight bits")
        meaning = for_gpu(optimized(captured), quantized=_NARROW[self.quantize])
        plan = planned(meaning.graph, gpu.chip, upcast=gpu.upcast)
        cuts = {}
        if self.tuner is not None:
            cuts = cuts_of(plan, self.tuner, self.folder, gpu.model, on=str(gpu.device), upcast=gpu.upcast)
            plan = planned(meaning.graph, gpu.chip, cuts=cuts, upcast=gpu.upcast)
        if not plan.launches:
            raise NotPlanned("; ".join(sorted({each.reason for each in plan.references})) or "it computes nothing")
        names = sorted(plan.graph.weights)
        kept = dict(zip(names, self._kept([meaning.weights[name] for name in names]), strict=True))
        bucket = PlannedBucket(dict(sizes), plan, kept, cuts)
        weights = {name: self.tensors[tensor].to(gpu.device) for name, tensor in kept.items()}
        tried = _Tried(Launched(plan, weights, self.folder, gpu.device, gpu.record), captured, gpu.device)
        parity = Parities(captured, self.contract, meaning=meaning if self.quantize else None).of(tried, example)
        memory = {"predicted_bytes": plan.bytes, "resident_bytes": tried.launched.bytes}
        return bucket, {gpu.chip.name: (parity, {**tried.times(example), **memory})}


class _Tried:
    """A bucket on its device, for a judge whose numbers are on the processor."""

    def __init__(self, launched: Launched, captured: Program, device: torch.device) -> None:
        self.launched, self._captured, self._device = launched, captured, device
        self._states = _on(device, captured.states)

    def __call__(self, inputs: Sequence[torch.Tensor], states: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
        for name, state in states.items():
            self._states[name].copy_(state)
        outputs = self.launched(inputs, self._states)
        for name, state in states.items():
            state.copy_(self._states[name])
        return tuple(output.to(inputs[0].device if inputs else "cpu", copy=True) for output in outputs)

    def times(self, example: Sequence[torch.Tensor]) -> dict[str, int]:
        """Beside torch's operators on the same device."""
        captured, device = self._captured, self._device
        program = replace(captured, weights=_on(device, captured.weights), states=_on(device, captured.states))
        given = [each.to(device) for each in example]

        with torch.device(device):
            return measured(program, self.launched, given, lambda: _settle(device))


def _on(device: torch.device, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.to(device, copy=True) for name, tensor in tensors.items()}


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
