"""Calls of a program: to the smallest bucket that takes them, or to the reference. Nothing is compiled on a call's way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from math import prod

import torch
from torch.nn.functional import pad

from compiler.ir.interpret import Unfit, bind, interpret
from compiler.ir.program import Program
from compiler.passes.specialize import free_symbols
from compiler.runtime.padding import is_padded_safely
from compiler.runtime.slow import Drift, Slow

Sizes = Mapping[str, int]
Candidate = Callable[[Sequence[torch.Tensor], Mapping[str, torch.Tensor]], Sequence[torch.Tensor]]
"""A bucket: gives the outputs, and writes to the caches that it is given."""
Missing = Callable[[Sizes], object]
"""Is told once of sizes that no bucket takes; it queues them, and returns at once."""
_MOST_TOLD = 1024


class Session:
    """Of one program. Calls take turns."""

    def __init__(
        self,
        program: Program,
        *,
        device: torch.device | str = "cpu",
        limits: Sizes | None = None,
        drift: Drift | None = None,
        missing: Missing | None = None,
    ) -> None:
        """`device` is where the program's tensors are, and those of calls."""
        self._program, self._missing, self._limits = program, missing, limits or {}
        self._device = torch.device(device)
        self.drift = drift or Drift()
        self._buckets: dict[tuple[tuple[str, int], ...], Candidate | None] = {}
        axes = free_symbols(program.graph)
        self.padded = frozenset(axis for axis in axes if is_padded_safely(program.graph, axis))
        """Axes along which a call may be filled up."""
        self._told: set[tuple[tuple[str, int], ...]] = set()
        self._lock = threading.Lock()

    def add(self, sizes: Sizes, compiled: Candidate | None) -> None:
        """From the next call on; None is for sizes that the reference serves knowingly."""
        with self._lock:
            self._buckets = {**self._buckets, _key(sizes): compiled}

    @property
    def buckets(self) -> list[Sizes]:
        """Those that compiled code takes."""
        return [dict(key) for key, compiled in self._buckets.items() if compiled is not None]

    @torch.inference_mode()
    def run(self, inputs: Sequence[torch.Tensor], states: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """The outputs; `states`, which are contiguous, hold afterwards what the program wrote to its caches.

        Raises Unfit for what the program is not defined for, whatever the bucket.
        """
        sizes = bind(self._program.graph, inputs, states)
        for name, most in self._limits.items():
            if sizes[name] > most:
                raise Unfit(f"{name} is {sizes[name]}, and the module takes at most {most}; cut the input")
        with self._lock:
            found = self._fitting(sizes)
            if found is None:
                return self._slowly(inputs, states, sizes)
            key, compiled = found
            self.drift.count(None)
            bucket = dict(key)
            outputs = compiled(self._padded_to(inputs, bucket), states)
            return tuple(self._cut(outputs, sizes) if bucket != sizes else outputs)

    def _fitting(self, sizes: Sizes) -> tuple[tuple[tuple[str, int], ...], Candidate] | None:
        exact = self._buckets.get(_key(sizes))
        if exact is not None:
            return _key(sizes), exact
        fitting = [
            (prod(size for _, size in key), key)
            for key, compiled in self._buckets.items()
            if compiled is not None
            and all(size == sizes[name] or (size > sizes[name] and name in self.padded) for name, size in key)
        ]
        if not fitting:
            return None
        _, key = min(fitting)
        compiled = self._buckets[key]
        return None if compiled is None else (key, compiled)

    def _slowly(
        self, inputs: Sequence[torch.Tensor], states: Mapping[str, torch.Tensor], sizes: Sizes
    ) -> tuple[torch.Tensor, ...]:
        key = _key(sizes)
        known = key in self._buckets
        self.drift.count(Slow.REFERENCE if known else Slow.NO_BUCKET)
        if self._missing is not None and not known and key not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(key)
            self._missing(dict(key))
        program = self._program
        with self._device:  # for what the graph makes of nothing
            computed = interpret(program.graph, inputs, weights=program.weights, states=states)
        for name, state in computed.states.items():
            states[name].copy_(state)
        return computed.outputs

    def _padded_to(self, inputs: Sequence[torch.Tensor], bucket: Sizes) -> list[torch.Tensor]:
        """With zeros: every type has them, every table has a row 0, and what they give is cut off."""
        found = []
        for value, tensor in zip(self._program.graph.inputs, inputs, strict=True):
            wanted = [bucket.get(str(size), actual) for size, actual in zip(value.shape, tensor.shape, strict=True)]
            more = [0 for _ in range(2 * tensor.dim())]
            more[1::2] = [size - actual for size, actual in zip(reversed(wanted), reversed(tensor.shape), strict=True)]
            found.append(pad(tensor, more) if any(more) else tensor)
        return found

    def _cut(self, outputs: Sequence[torch.Tensor], sizes: Sizes) -> list[torch.Tensor]:
        found = []
        for value, tensor in zip(self._program.graph.outputs, outputs, strict=True):
            for dim, size in enumerate(value.shape):
                if str(size) in sizes:
                    tensor = tensor.narrow(dim, 0, sizes[str(size)])
            found.append(tensor)
        return found


def _key(sizes: Sizes) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(sizes.items()))
