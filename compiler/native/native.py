"""A program compiled for this machine's processor, to be called."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from compiler.backends.cpu import toolchain
from compiler.backends.cpu.isa import Variant
from compiler.backends.cpu.library import ENTRIES
from compiler.ir.graph import Graph
from compiler.ir.interpret import bind
from compiler.ir.ops import make
from compiler.ir.program import Program
from compiler.memory.plan import ALIGNMENT
from compiler.native.source import Source, source_of
from compiler.native.step import Step
from compiler.native.storage import numbers
from compiler.native.threads import Pool

STEP = Path(__file__).with_name("step.h")


class _Step(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("inputs", "outputs", "weights", "states", "arena", "scratch")]


class Compiled:
    """One bucket, from a shared object that there is already. Calls take turns: they share an arena."""

    def __init__(self, step: Step, weights: Sequence[torch.Tensor], library: Pool, compiled: Path) -> None:
        """`weights` are packed, in the step's order; they are read where they lie. Raises ToolchainError."""
        self.step = step
        self._native = toolchain.load(compiled)
        self._native.step_run.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Step)]
        self._native.step_run.restype = None
        self._library, self._kept = library, tuple(weights)
        # What a call is held against: a graph's inputs without the graph.
        self._inputs = Graph(tuple(make("input", name=name, type=type_) for name, type_ in step.inputs), (), {})
        self._memory = torch.zeros(step.arena_bytes + step.scratch_bytes + 2 * ALIGNMENT, dtype=torch.uint8)
        arena = -(-self._memory.data_ptr() // ALIGNMENT) * ALIGNMENT
        self._weights = _pointers(self._kept)
        self._step = _Step(weights=ctypes.addressof(self._weights), arena=arena, scratch=arena + step.arena_bytes)

    def __call__(self, inputs: Sequence[torch.Tensor], states: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """The outputs; what the program writes to its caches is in `states` afterwards. Raises Unfit."""
        bind(self._inputs, inputs)
        given = [tensor.contiguous() for tensor in inputs]
        outputs = tuple(torch.empty(numbers(type_.shape), dtype=type_.dtype) for type_ in self.step.outputs)
        pointers = [_pointers(given), _pointers(outputs), _pointers([states[name] for name, _ in self.step.states])]
        self._step.inputs, self._step.outputs, self._step.states = map(ctypes.addressof, pointers)
        self._native.step_run(self._library.pool, ctypes.byref(self._step))
        return outputs

    def wipe(self) -> int:
        """Zeroes what the last step left in memory of its own; the number of bytes."""
        return int(self._memory.zero_().nbytes)


class Native(Compiled):
    """The same, from a program."""

    def __init__(self, program: Program, library: Pool, folder: Path) -> None:
        """Compiles into `folder` what is not there yet. Raises NotNative, or ToolchainError where there is no compiler."""
        self.source: Source = source_of(program)
        compiled = build(self.source.text, folder, library.variant)
        super().__init__(self.source.step, self.source.weights, library, compiled)


def sources(text: str) -> dict[str, str]:
    """All that is compiled for a step of this text, beside the headers of the kernels."""
    threads = {name: (ENTRIES / name).read_text() for name in ("pool.cpp", "entry.h")}
    return {"step.cpp": text, "step.h": STEP.read_text(), **threads}


def build(text: str, folder: Path, variant: Variant) -> Path:
    """The shared object of a step for one instruction set, compiled where `folder` does not have it. Raises ToolchainError."""
    return toolchain.build(sources(text), folder, variant)


def _pointers(tensors: Sequence[torch.Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    for tensor in tensors:
        if not tensor.is_contiguous() or tensor.device.type != "cpu":
            raise ValueError("generated code takes contiguous tensors on the CPU")
    return (ctypes.c_void_p * max(1, len(tensors)))(*(tensor.data_ptr() for tensor in tensors))
