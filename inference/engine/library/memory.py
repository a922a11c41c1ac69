"""Less memory for a module, and how much one call takes."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

from inference.engine.library.config import InferenceOptConfig
from inference.engine.library.offload import CpuOffload, modules_named
from inference.engine.library.runner import ModuleRunner, device_of, evaluating


@dataclass(frozen=True, slots=True)
class MemoryReport:
    """Bytes. `peak` is the most that tensors made during one call had at once, the module's own weights not counted; what an
    operator needs inside of itself is in it on CUDA only."""

    parameters: int
    buffers: int
    offloaded: int
    peak: int

    @property
    def total(self) -> int:
        """Of the device during a call."""
        return self.parameters + self.buffers - self.offloaded + self.peak


class MemoryOptimizer:
    """Alters the module that it is given, in place: its purpose is that there is no second copy."""

    def __init__(self, model: nn.Module, config: InferenceOptConfig | None = None) -> None:
        """Raises ConfigError when the configured device is not there."""
        self._module = model
        self._config = config if config is not None else InferenceOptConfig()
        self._device = device_of(self._config)
        self._offload: CpuOffload | None = None

    def enable_inference_mode(self) -> nn.Module:
        """The module itself, in evaluation mode, on its device, in the configured type and with frozen weights; calls of it are in
        inference mode. An engine whose configuration has the same type and device then runs it without a copy."""
        module = self._module.eval()
        if self._config.dtype != "auto":
            module.to(dtype=getattr(torch, self._config.dtype))
        if self._offload is None:
            module.to(self._device)
        for parameter in module.parameters():
            parameter.requires_grad_(False)
        if not isinstance(module, _Frozen):
            _become(module, _Frozen, _without_gradients)
        return module

    def enable_gradient_checkpointing(self) -> list[str]:
        """Has the blocks of the module (the children of its module lists and sequences) computed again in the backward pass instead
        of keeping what they computed; returns their names. Gradients are the same. Calls without gradients are not affected.
        Doing it twice does nothing."""
        names = []
        for path, container in self._module.named_modules():
            if isinstance(container, nn.ModuleList | nn.Sequential):
                for name, block in container.named_children():
                    if not isinstance(block, _Checkpointed) and any(True for _ in block.parameters()):
                        names.append(f"{path}.{name}" if path else name)
                        _become(block, _Checkpointed, _checkpointing)
        return names

    def offload_to_cpu(self, modules: Sequence[str]) -> CpuOffload:
        """Keeps the weights of these sub-modules in host memory between their calls. On the CPU they are there already, and nothing
        is moved. Raises ConfigError that lists every unknown name."""
        modules_named(self._module, modules)
        if self._offload is not None:
            self._offload.remove()
        self._offload = CpuOffload(self._module, modules, self._device)
        return self._offload

    def measure_memory(self, sample_input: Any) -> MemoryReport:
        """Of one call with a batch as the module takes it, weights where they are now."""
        device = self._where()
        runner = ModuleRunner(self._module, InferenceOptConfig(device=str(device)))
        args, kwargs = runner.arguments(sample_input)
        with evaluating(self._module), torch.no_grad():
            peak = self._peak(device, args, kwargs)
        offloaded = 0 if self._offload is None or self._device.type == "cpu" else self._offload.bytes
        return MemoryReport(_bytes(self._module.parameters()), _bytes(self._module.buffers()), offloaded, peak)

    def _where(self) -> torch.device:
        """The device that a call computes on now: that of the weights, unless they come and go."""
        first = next(self._module.parameters(), None)
        return self._device if self._offload is not None or first is None else first.device

    def _peak(self, device: torch.device, args: Any, kwargs: Any) -> int:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
            before = torch.cuda.memory_allocated(device)
            torch.cuda.reset_peak_memory_stats(device)
            self._module(*args, **kwargs)
            torch.cuda.synchronize(device)
            return torch.cuda.max_memory_allocated(device) - before
        inputs = [leaf for leaf in pytree.tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        live = LiveBytes([*self._module.parameters(), *self._module.buffers(), *inputs])
        with live:
            self._module(*args, **kwargs)
        return live.peak


class LiveBytes(TorchDispatchMode):
    """Counts the storage of tensors made while it is on, once however many tensors share it, until they are gone."""

    def __init__(self, known: Sequence[Tensor]) -> None:
        super().__init__()
        self._known = {tensor.untyped_storage()._cdata for tensor in known}
        self.live = 0
        self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        for leaf in pytree.tree_leaves(output):
            if isinstance(leaf, Tensor) and self._fresh(leaf):
                self._count(leaf.untyped_storage())
        return output

    def _fresh(self, tensor: Tensor) -> bool:
        return tensor.untyped_storage()._cdata not in self._known

    def _count(self, storage: torch.UntypedStorage) -> None:
        place, size = storage._cdata, storage.nbytes()
        self._known.add(place)
        self.live += size
        self.peak = max(self.peak, self.live)

        def gone() -> None:
            self._known.discard(place)
            self.live -= size

        weakref.finalize(storage, gone)


class _Frozen:
    """Marks a class whose calls are in inference mode."""


class _Checkpointed:
    """Marks a class whose calls are computed again in the backward pass."""


def _without_gradients(plain: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(plain)
    def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        with torch.inference_mode():
            return plain(self, *args, **kwargs)

    return forward


def _checkpointing(plain: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(plain)
    def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            return plain(self, *args, **kwargs)
        return checkpoint(partial(plain, self), *args, use_reentrant=False, **kwargs)

    return forward


def _become(module: nn.Module, mark: type, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Gives a module a subclass of its class with another `forward`: one set on the instance would go on computing with this
    instance's weights in a deep copy."""
    kind = type(module)
    module.__class__ = type(kind.__name__, (mark, kind), {"forward": wrap(kind.forward), "__module__": kind.__module__})


def _bytes(tensors: Any) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
