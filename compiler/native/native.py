"""A program compiled for this machine's processor, to be called."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from compiler.backends.cpu import toolchain
from compiler.backends.cpu.library import Library
from compiler.ir.interpret import Unfit, bind
from compiler.ir.program import Program
from compiler.ir.size import bound
from compiler.ir.value import Value
from compiler.memory.plan import ALIGNMENT
from compiler.native.source import Source, source_of
from compiler.native.storage import number

STEP = Path(__file__).with_name("step.h")


class _Step(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_void_p) for name in ("inputs", "outputs", "weights", "states", "sizes", "arena", "scratch")
    ]


class Native:
    """A program for all sizes up to its limits. Calls take turns: they share an arena."""

    def __init__(
        self, program: Program, library: Library, folder: Path, limits: Mapping[str, int] | None = None
    ) -> None:
        """Compiles into `folder` what is not there yet. Raises NotNative, or ToolchainError where there is no compiler."""
        self.source: Source = source_of(program, limits)
        sources = {"step.cpp": self.source.text, "step.h": STEP.read_text()}
        self._native = toolchain.load(toolchain.build(sources, folder, library.variant))
        self._native.step_run.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Step)]
        self._native.step_run.restype = None
        self._library, self._graph = library, program.graph
        memory = torch.zeros(self.source.arena.bytes + self.source.scratch_bytes + 2 * ALIGNMENT, dtype=torch.uint8)
        self._memory = memory
        arena = -(-memory.data_ptr() // ALIGNMENT) * ALIGNMENT
        self._weights = _pointers(self.source.weights)
        self._state_names = sorted(program.graph.caches)
        self._step = _Step(
            weights=ctypes.addressof(self._weights), arena=arena, scratch=arena + self.source.arena.bytes
        )

    def __call__(self, inputs: Sequence[torch.Tensor], states: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """The outputs; what the program writes to its caches is in `states` afterwards. Raises Unfit."""
        binding = bind(self._graph, inputs, states)
        for name, limit in self.source.limits.items():
            if binding[name] > limit:
                raise Unfit(f"{name} is {binding[name]}, and at most {limit} here")
        given = [tensor.contiguous() for tensor in inputs]
        outputs = tuple(_empty(value, binding) for value in self._graph.outputs)
        sizes = (ctypes.c_int64 * max(1, len(binding)))(*(binding[name] for name in self.source.symbols))
        places = _pointers(given), _pointers(outputs), _pointers([states[name] for name in self._state_names])
        step = self._step
        step.inputs, step.outputs, step.states = (ctypes.addressof(each) for each in places)
        step.sizes = ctypes.addressof(sizes)
        self._native.step_run(self._library.pool, ctypes.byref(step))
        return outputs

    def wipe(self) -> int:
        """Zeroes what the last step left in memory of its own; the number of bytes."""
        return int(self._memory.zero_().nbytes)


def _empty(value: Value, binding: Mapping[str, int]) -> torch.Tensor:
    return torch.empty([number(bound(size, binding)) for size in value.shape], dtype=value.dtype)


def _pointers(tensors: Sequence[torch.Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    for tensor in tensors:
        if not tensor.is_contiguous() or tensor.device.type != "cpu":
            raise ValueError("generated code takes contiguous tensors on the CPU")
    return (ctypes.c_void_p * max(1, len(tensors)))(*(tensor.data_ptr() for tensor in tensors))
