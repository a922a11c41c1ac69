"""A program compiled for this machine's processor, to be called."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from compiler.backends.cpu import toolchain
from compiler.backends.cpu.library import Library
from compiler.ir.interpret import bind
from compiler.ir.program import Program
from compiler.memory.plan import ALIGNMENT
from compiler.native.source import Source, source_of
from compiler.native.storage import numbers

STEP = Path(__file__).with_name("step.h")


class _Step(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("inputs", "outputs", "weights", "states", "arena", "scratch")]


class Native:
    """One bucket. Calls take turns: they share an arena."""

    def __init__(self, program: Program, library: Library, folder: Path) -> None:
        """Compiles into `folder` what is not there yet. Raises NotNative, or ToolchainError where there is no compiler."""
        self.source: Source = source_of(program)
        sources = {"step.cpp": self.source.text, "step.h": STEP.read_text()}
        self._native = toolchain.load(toolchain.build(sources, folder, library.variant))
        self._native.step_run.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Step)]
        self._native.step_run.restype = None
        self._library, self._graph = library, program.graph
        memory = torch.zeros(self.source.arena.bytes + self.source.scratch_bytes + 2 * ALIGNMENT, dtype=torch.uint8)
        self._memory = memory
        arena = -(-memory.data_ptr() // ALIGNMENT) * ALIGNMENT
        self._weights = _pointers(self.source.weights)
        self._state_names = sorted({value["name"] for value in program.graph.values if value.op == "state"})
        self._step = _Step(
            weights=ctypes.addressof(self._weights), arena=arena, scratch=arena + self.source.arena.bytes
        )

    def __call__(self, inputs: Sequence[torch.Tensor], states: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """The outputs; what the program writes to its caches is in `states` afterwards. Raises Unfit."""
        bind(self._graph, inputs)
        given = [tensor.contiguous() for tensor in inputs]
        outputs = tuple(torch.empty(numbers(value.shape), dtype=value.dtype) for value in self._graph.outputs)
        pointers = [_pointers(given), _pointers(outputs), _pointers([states[name] for name in self._state_names])]
        self._step.inputs, self._step.outputs, self._step.states = map(ctypes.addressof, pointers)
        self._native.step_run(self._library.pool, ctypes.byref(self._step))
        return outputs

    def wipe(self) -> int:
        """Zeroes what the last step left in memory of its own; the number of bytes."""
        return int(self._memory.zero_().nbytes)


def _pointers(tensors: Sequence[torch.Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    for tensor in tensors:
        if not tensor.is_contiguous() or tensor.device.type != "cpu":
            raise ValueError("generated code takes contiguous tensors on the CPU")
    return (ctypes.c_void_p * max(1, len(tensors)))(*(tensor.data_ptr() for tensor in tensors))
