"""A program compiled for this machine's processor, to be called."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from math import prod
from operator import is_, mul
from pathlib import Path
from threading import Lock

import torch

from compiler.backends.cpu import toolchain
from compiler.backends.cpu.isa import Variant
from compiler.backends.cpu.library import ENTRIES
from compiler.ir.graph import Graph
from compiler.ir.interpret import Unfit
from compiler.ir.ops import make
from compiler.ir.program import Program
from compiler.ir.size import bound
from compiler.ir.value import TensorType
from compiler.memory.plan import ALIGNMENT, aligned
from compiler.native.fit import Fit
from compiler.native.source import Source, source_of
from compiler.native.step import Step
from compiler.native.storage import number
from compiler.native.threads import Pool

STEP = Path(__file__).with_name("step.h")


class _Step(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_void_p) for name in ("inputs", "outputs", "weights", "states", "sizes", "arena", "scratch")
    ]


class Compiled:
    """A step for all sizes up to its limits, from a shared object that there is already. Calls take turns: they share an arena."""

    def __init__(self, step: Step, weights: Sequence[torch.Tensor], library: Pool, compiled: Path) -> None:
        """`weights` are packed, in the step's order; they are read where they lie. Raises ToolchainError."""
        self.step, self.path = step, compiled
        self._native = toolchain.load(compiled)
        self._native.step_run.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Step)]
        self._native.step_run.restype = None
        self._library, self._kept, self._turn = library, tuple(weights), Lock()
        # What a call is held against: a graph's inputs and caches without the graph.
        inputs, states = (
            tuple(make(op, name=name, type=type_) for name, type_ in given)
            for op, given in (("input", step.inputs), ("state", step.states))
        )
        self._fit = Fit(Graph(inputs, states, {}))
        self._states: list[torch.Tensor] = []
        self._state_places = _pointers([])
        self._memory = torch.zeros(step.arena_bytes + step.scratch_bytes + 2 * ALIGNMENT, dtype=torch.uint8)
        arena = aligned(self._memory.data_ptr())
        self._weights = _pointers(self._kept)
        self._step = _Step(weights=ctypes.addressof(self._weights), arena=arena, scratch=arena + step.arena_bytes)

    def __call__(
        self, inputs: Sequence[torch.Tensor], states: Mapping[str, torch.Tensor], *, pool: Pool | None = None
    ) -> tuple[torch.Tensor, ...]:
        """The outputs; what the program writes to its caches is in `states` afterwards. On the threads of `pool` where it is
        given: a small step may be done sooner by one than two can agree. Raises Unfit.
        """
        binding = self._fit(inputs, states)
        for name, limit in self.step.limits:
            if binding[name] > limit:
                raise Unfit(f"{name} is {binding[name]}, and at most {limit} here")
        given = [tensor.contiguous() for tensor in inputs]
        outputs = tuple(_empty(type_, binding) for type_ in self.step.outputs)
        sizes = (ctypes.c_int64 * max(1, len(self.step.symbols)))(*(binding[name] for name in self.step.symbols))
        places = _pointers(given), _pointers(outputs)
        with self._turn:
            caches = [states[name] for name, _ in self.step.states]
            if len(caches) != len(self._states) or not all(map(is_, caches, self._states)):
                self._states, self._state_places = caches, _pointers(caches)
            step = self._step
            step.inputs, step.outputs = (ctypes.addressof(each) for each in places)
            step.states = ctypes.addressof(self._state_places)
            step.sizes = ctypes.addressof(sizes)
            self._native.step_run((pool or self._library).pool, ctypes.byref(step))
        return outputs

    @property
    def bytes(self) -> int:
        """Memory that calls take beside weights and caches, of the largest sizes that there may be: the arena, what launches need
        for themselves, and outputs."""
        limits = dict(self.step.limits)
        sizes = (prod(number(bound(size, limits)) for size in type_.shape) for type_ in self.step.outputs)
        types = (type_.dtype.itemsize for type_ in self.step.outputs)
        outputs: int = sum(map(mul, sizes, types))
        return int(self._memory.nbytes) + outputs

    def wipe(self) -> int:
        """Zeroes what the last step left in memory of its own; the number of bytes."""
        with self._turn:
            return int(self._memory.zero_().nbytes)


class Native(Compiled):
    """The same, from a program."""

    def __init__(self, program: Program, library: Pool, folder: Path, limits: Mapping[str, int] | None = None) -> None:
        """Compiles into `folder` what is not there yet. Raises NotNative, or ToolchainError where there is no compiler."""
        self.source: Source = source_of(program, limits)
        compiled = build(self.source.text, folder, library.variant)
        super().__init__(self.source.step, self.source.weights, library, compiled)


def sources(text: str) -> dict[str, str]:
    """All that is compiled for a step of this text, beside the headers of the kernels."""
    threads = {name: (ENTRIES / name).read_text() for name in ("pool.cpp", "entry.h")}
    return {"step.cpp": text, "step.h": STEP.read_text(), **threads}


def build(text: str, folder: Path, variant: Variant, knobs: Mapping[str, int] | None = None) -> Path:
    """The shared object of a step for one instruction set, compiled where `folder` does not have it, with macros of the kernels'
    headers set to `knobs`. Raises ToolchainError."""
    return toolchain.build(sources(text), folder, variant, knobs=knobs)


def _empty(type_: TensorType, binding: Mapping[str, int]) -> torch.Tensor:
    return torch.empty([number(bound(size, binding)) for size in type_.shape], dtype=type_.dtype)


def _pointers(tensors: Sequence[torch.Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    for tensor in tensors:
        if not tensor.is_contiguous() or tensor.device.type != "cpu":
            raise ValueError("generated code takes contiguous tensors on the CPU")
    return (ctypes.c_void_p * max(1, len(tensors)))(*(tensor.data_ptr() for tensor in tensors))
