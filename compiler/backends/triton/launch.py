"""Runs a plan: its files written and loaded, its memory in one arena, its launches one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from compiler.backends.triton import sources
from compiler.backends.triton.library import multiplication
from compiler.backends.triton.plans import AnyStep, Argument, Launch, Multiply, Plan, Reference, Scratch, numbers
from compiler.ir.interpret import Unfit, bind
from compiler.ir.ops import OPS
from compiler.ir.program import Program
from compiler.ir.value import TensorType, Value
from compiler.memory.liveness import size_of
from compiler.memory.plan import ALIGNMENT, aligned
from compiler.schedule.group import is_leaf


class NoTriton(RuntimeError):
    """Triton is not installed, or does not run here; the message says what to do."""


class NotCompiled(RuntimeError):
    """Triton makes nothing of a kernel here; the message says why."""


class Step:
    """One bucket on one device. Calls take turns: they share memory. What is computed is in `outputs`, until the next call."""

    def __init__(
        self,
        plan: Plan,
        program: Program,
        states: Mapping[str, torch.Tensor],
        folder: Path,
        *,
        device: torch.device | str = "cuda",
        memory: torch.Tensor | None = None,
    ) -> None:
        """Kernels are written to `folder`; `states` are the caches, which are written to in place; all addresses stay as they are.
        `memory` is that of another step with which this one takes turns, and is used if it is large enough.

        Raises Unfit for a weight or a cache that is missing or on another device, NoTriton, NotCompiled.
        """
        self.plan, self.device = plan, torch.device(device)
        beside = sum(aligned(size_of(value, {})) for value in plan.beside)
        wanted = plan.arena.bytes + beside + ALIGNMENT
        if memory is None or memory.numel() < wanted:
            memory = torch.zeros(wanted, dtype=torch.uint8, device=device)
        self.memory = memory
        """What it computes in, comes in and goes out."""
        self._start = -self.memory.data_ptr() % ALIGNMENT
        self._past = plan.arena.bytes
        self._places: dict[Value, torch.Tensor] = {}
        self._weights, self._states = program.weights, states
        self.inputs = [self._empty(value) for value in plan.graph.inputs]
        self._places.update(zip(plan.graph.inputs, self.inputs, strict=True))
        self.outputs = [self._place(value) for value in plan.graph.outputs]
        self._scratch: dict[Scratch, torch.Tensor] = {}
        # Every tensor is looked at before anything is compiled.
        pointers = [self._arguments(step) for step in plan.steps]
        self._calls = [self._call(step, given, folder) for step, given in zip(plan.steps, pointers, strict=True)]

    @torch.inference_mode()
    def __call__(self, inputs: Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
        """Raises Unfit."""
        self.fill(inputs)
        self.run()
        return self.outputs

    def fill(self, inputs: Sequence[torch.Tensor]) -> None:
        """Puts the inputs where the kernels read them. Raises Unfit."""
        bind(self.plan.graph, inputs, self._states)
        self.put(inputs)

    def put(self, inputs: Sequence[torch.Tensor]) -> None:
        """The same for whoever knows that they fit. One that is smaller than it might be is put where it begins, and what is beyond
        it is left as it was."""
        for mine, given in zip(self.inputs, inputs, strict=True):
            for dim, size in enumerate(given.shape):
                mine = mine.narrow(dim, 0, size)
            mine.copy_(given, non_blocking=True)

    def run(self) -> None:
        """All launches, in their order, on the current stream."""
        for call in self._calls:
            call()

    @property
    def bytes(self) -> int:
        """Memory beside weights and caches: the arena, what comes in and goes out, and what launches need for themselves."""
        return sum(int(tensor.nbytes) for tensor in self.memories)

    def wipe(self) -> int:
        """Zeroes what the last step left in memory of its own; the number of bytes."""
        return sum(int(tensor.zero_().nbytes) for tensor in self.memories)

    @property
    def memories(self) -> Sequence[torch.Tensor]:
        """All of that."""
        return self.memory, *self._scratch.values()

    def _call(self, step: AnyStep, pointers: Sequence[torch.Tensor | None], folder: Path) -> Callable[[], object]:
        if isinstance(step, Launch):
            return bound(step, pointers, folder)
        return (lambda: self._refer(step)) if isinstance(step, Reference) else multiplication(step, pointers)

    def _arguments(self, step: AnyStep) -> Sequence[torch.Tensor | None]:
        if isinstance(step, Launch):
            return [self._argument(argument) for argument in step.arguments]
        if isinstance(step, Multiply):
            return [self._place(value) for value in (*step.group.anchor.args, step.group.anchor)]
        # For what it raises: ATen's operators take them from where they lie.
        return [self._place(value) for value in step.group.inputs if value.op != "constant"]

    def _argument(self, argument: Argument) -> torch.Tensor | None:
        if isinstance(argument, Scratch):
            # One after another, launches can share what they do not leave to each other.
            if argument not in self._scratch:
                self._scratch[argument] = scratch(argument, self.device)
            return self._scratch[argument]
        if isinstance(argument, TensorType):
            raise Unfit("a plan's launch takes values, not what a caller gives")
        return None if argument is None else self._place(argument)

    def _place(self, value: Value) -> torch.Tensor:
        """Where `value` lies, or will."""
        if value not in self._places:
            self._places[value] = self._found(value)
        return self._places[value]

    def _found(self, value: Value) -> torch.Tensor:
        if value.op == "write":
            return self._place(value.args[0])
        if value.op in ("weight", "state"):
            return self._given(value)
        if value.op == "constant":
            return torch.tensor(value["number"], device=self.device)
        if is_leaf(value):
            with torch.device(self.device):
                made: torch.Tensor = OPS[value.op].run(**value.attributes)
            return made
        offset = self.plan.arena.offsets.get(value)
        if offset is None:
            return self._empty(value)
        return self._view(value, self._start + offset)

    def _given(self, value: Value) -> torch.Tensor:
        named = self._weights if value.op == "weight" else self._states
        tensor = named.get(value["name"])
        if tensor is None:
            raise Unfit(f"there is no {value.op} {value['name']}")
        if tuple(tensor.shape) != numbers(value.shape) or tensor.dtype != value.dtype:
            raise Unfit(f"{value['name']} is {value.type}, not {tensor.dtype}{list(tensor.shape)}")
        if tensor.device.type != self.device.type:
            raise Unfit(f"{value['name']} is on {tensor.device}; move it to {self.device} first")
        if not tensor.is_contiguous():
            if value.op == "state":
                raise Unfit(f"the cache {value['name']} does not lie one row after another, and is written to in place")
            tensor = tensor.contiguous()
        return tensor

    def _empty(self, value: Value) -> torch.Tensor:
        """Memory beside the arena, for what comes in and what goes out."""
        start = self._start + self._past
        self._past += aligned(size_of(value, {}))
        return self._view(value, start)

    def _view(self, value: Value, start: int) -> torch.Tensor:
        return self.memory[start : start + size_of(value, {})].view(value.dtype).view(numbers(value.shape))

    def _refer(self, reference: Reference) -> None:
        """Operator by operator, in memory of torch's own but for what others read."""
        found: dict[Value, Any] = {}
        with torch.device(self.device):
            for value in reference.group.values:
                args = [found[arg] if arg in found else self._operand(arg) for arg in value.args]
                if value.op == "write":
                    found[value] = self._place(value).index_copy_(value["dim"], args[1], args[2])
                    continue
                found[value] = OPS[value.op].run(*args, **value.attributes)
                if value in reference.group.outputs:
                    found[value] = self._place(value).copy_(found[value])

    def _operand(self, value: Value) -> Any:
        return value["number"] if value.op == "constant" else self._place(value)


def bound(launch: Launch, tensors: Sequence[torch.Tensor | None], folder: Path) -> Callable[[], None]:
    """The launch with its pointers, compiled and ready. Raises NoTriton, NotCompiled."""
    try:
        return _bound(launch, tensors, folder)
    except OSError as error:
        raise NotCompiled(
            f"a kernel cannot be kept in {error.filename or folder}: {error.strerror}; free some space there, or give "
            "another folder"
        ) from error


def _bound(launch: Launch, tensors: Sequence[torch.Tensor | None], folder: Path) -> Callable[[], None]:
    kernel = load(launch, folder)
    from triton.errors import TritonError

    if hasattr(kernel, "cache_key") and not torch.cuda.is_available():
        raise NoTriton(
            "kernels are launched on a GPU, and torch sees none; the reference serves, or TRITON_INTERPRET=1"
        )
    options = {**launch.constants, "num_warps": launch.warps, "num_stages": launch.stages}
    try:
        with cache_in(folder):
            kernel.warmup(*tensors, grid=launch.grid, **options)
    except TritonError as error:
        # A kernel that this chip cannot hold, or that this Triton's compiler cannot take: what it prints is code, and no data.
        raise NotCompiled(f"Triton does not compile {launch.source.name}: {type(error).__name__}: {error}") from error
    return lambda: kernel[launch.grid](*tensors, **options)


def scratch(wanted: Scratch, device: torch.device | str) -> torch.Tensor:
    # Zeros also where nobody asks for them: memory that was another's is nothing to leave about.
    return torch.zeros(wanted.elements, dtype=wanted.dtype, device=device)


def load(launch: Launch, folder: Path) -> Any:
    """The kernel of a launch, its file in `folder`. Raises NoTriton, OSError."""
    try:
        return sources.load(launch.source, folder)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] == "triton":
            raise NoTriton(
                "Triton is not installed (pip install 'bailiwick[gpu]'); until then the reference serves"
            ) from None
        raise


@contextmanager
def cache_in(folder: Path) -> Iterator[None]:
    """Within it, Triton keeps what it compiles in `folder`, and not in the home of whoever runs it."""
    from triton import knobs

    with knobs.cache.scope():
        knobs.cache.dir = str(folder / "compiled")
        yield
