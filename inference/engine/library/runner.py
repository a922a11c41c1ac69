"""A module made ready to answer: in evaluation mode, on its device, in its type, without gradients."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from inference.engine.library.config import InferenceOptConfig
from inference.engine.library.errors import ConfigError
from inference.engine.library.offload import CpuOffload, modules_named
from inference.engine.library.precision import HALVES, PrecisionGuard, cast_floats, named_weights
from inference.engine.library.pytree import to_device
from inference.engine.library.version import ModelVersion


class ModuleRunner:
    """Runs batches of a module. The module stays its owner's: with the device and type it has it is run itself (and put in
    evaluation mode), otherwise a converted copy is, which is made anew whenever the module changes."""

    def __init__(self, module: nn.Module, config: InferenceOptConfig) -> None:
        """Raises ConfigError when the device is not there or a module to offload is unknown."""
        self._module = module
        self._config = config
        self.device = device_of(config)
        self._dtype = None if config.dtype == "auto" else getattr(torch, config.dtype)
        self._version = ModelVersion(module)
        self._running: nn.Module | None = None
        self._guard: PrecisionGuard | None = None
        self._offload: CpuOffload | None = None
        self._halves = False
        self._names = _keywords(module)
        modules_named(module, config.cpu_offload_modules)  # so that a wrong name is told at once
        self.version = ""

    def takes(self, name: str) -> bool:
        """Whether the module's `forward` takes a keyword argument of this name."""
        return self._names is None or name in self._names

    @property
    def weights(self) -> str:
        """The part of the version that is of the weights."""
        return self._version.weights

    @property
    def fallbacks(self) -> dict[str, str]:
        """Sub-modules that half precision was too narrow for, and the type each has instead."""
        guard = self._guard
        return {} if guard is None else {name: _name(dtype) for name, dtype in guard.fallbacks.items()}

    def refresh(self, *, reread: bool = False) -> str:
        """Looks for changes of the module and takes them over; returns the version of what runs, its type included."""
        if reread:
            self._version.changed()
        version = f"{self._version.current()}-{self._config.dtype}-{self.device.type}"
        if version != self.version or self._running is None:
            self._take_over()
            self.version = version
        if self._version.training:
            self._running_module().eval()
        return version

    def __call__(self, batch: Any) -> Any:
        """The module's output for a batch, on the device; only after `refresh`."""
        with torch.inference_mode():
            args, kwargs = self.arguments(batch)
            return self._running_module()(*args, **kwargs)

    def repair(self, batch: Any) -> bool:
        """Widens what half precision is too narrow for in a batch whose output was not finite; returns whether it did."""
        if not self._halves:
            return False
        if self._guard is None:
            if self._running is self._module:  # whose weights are its owner's, and stay as they are
                self._running = copy.deepcopy(self._module).eval()
            self._guard = PrecisionGuard(self._running_module(), named_weights(self._module).get)
        return self._guard.repair(lambda: self(batch))

    def arguments(self, batch: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """How the module takes an input: a tuple or list is its positional arguments; a dict its keyword arguments where `forward`
        has their names, else its one argument; a tensor its one argument."""
        batch = to_device(batch, self.device)
        if self._dtype is not None:
            batch = cast_floats(batch, self._dtype)
        if isinstance(batch, dict) and (self._names is None or batch.keys() <= self._names):
            return (), batch
        return (tuple(batch), {}) if isinstance(batch, list | tuple) else ((batch,), {})

    @property
    def module(self) -> nn.Module:
        """What is run: the module itself or its converted copy."""
        return self._running_module()

    def _running_module(self) -> nn.Module:
        if self._running is None:
            self.refresh()
        assert self._running is not None  # noqa: S101  # refresh has set it
        return self._running

    def _take_over(self) -> None:
        fits = all(
            tensor.device == self.device and (self._dtype in (None, tensor.dtype) or not tensor.is_floating_point())
            for tensor in named_weights(self._module).values()
        )
        offload = self._config.cpu_offload_modules if self.device.type != "cpu" else ()
        if self._offload is not None:
            self._offload.remove()
            self._offload = None
        if fits and not offload:
            self._running = self._module
        else:
            self._running = copy.deepcopy(self._module).to(dtype=self._dtype)
            for parameter in self._running.parameters():
                parameter.requires_grad_(False)
            if offload:
                self._offload = CpuOffload(self._running, offload, self.device)
            else:
                self._running.to(self.device)
        self._running.eval()
        sources = {} if fits else named_weights(self._module)
        self._halves = any(tensor.dtype in HALVES for tensor in named_weights(self._running).values())
        self._guard = PrecisionGuard(self._running, sources.get) if self._halves and not fits else None


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; every part has its own mode again afterwards."""
    before = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training


def device_of(config: InferenceOptConfig) -> torch.device:
    """The device that a configuration means. Raises ConfigError when it is not there."""
    if config.device == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    device = torch.device(config.device)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError([f"device {config.device} is not there; use cpu or auto"])
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else device


def _keywords(module: nn.Module) -> set[str] | None:
    """Names that `forward` takes; None when it takes any."""
    parameters = inspect.signature(module.forward).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return {parameter.name for parameter in parameters if parameter.kind is not parameter.POSITIONAL_ONLY}


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
