"""Weights that live in host memory and visit the device for one call of their module."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from inference.engine.library.errors import ConfigError


class CpuOffload:
    """Moves a module to `device`, all but the named sub-modules, whose weights stay in pinned host memory: they are copied over
    when the sub-module is called and dropped when it returns. Answers are the same; each call pays the copy."""

    def __init__(self, module: nn.Module, names: Iterable[str], device: torch.device) -> None:
        """Raises ConfigError for a name that the module has not."""
        self._device = device
        self._handles: list[Any] = []
        self._homes: dict[Tensor, Tensor] = {}
        self.copies = 0
        """Calls that copied weights over."""
        kept = modules_named(module, names)
        if device.type == "cpu":
            return  # they live there
        away = {id(tensor) for sub in kept for tensor in _weights(sub)}
        for tensor in _weights(module):
            if id(tensor) not in away:
                tensor.data = tensor.data.to(device)
        for sub in kept:
            for tensor in _weights(sub):
                home = tensor.data.to("cpu")
                tensor.data = home.pin_memory() if torch.cuda.is_available() and not home.is_pinned() else home
                self._homes[tensor] = tensor.data
            self._handles.append(sub.register_forward_pre_hook(self._bring, prepend=True))
            self._handles.append(sub.register_forward_hook(self._drop, always_call=True))

    @property
    def bytes(self) -> int:
        """Bytes of weights that are not on the device between calls."""
        return sum(home.numel() * home.element_size() for home in self._homes.values())

    def remove(self) -> None:
        """Ends the visits; the weights stay in host memory."""
        for handle in self._handles:
            handle.remove()

    def _bring(self, sub: nn.Module, args: Any) -> None:
        self.copies += 1
        for tensor in _weights(sub):
            if tensor.device.type == "cpu":
                self._homes[tensor] = tensor.data  # which may have been replaced
            with torch.inference_mode(False):
                tensor.data = self._homes[tensor].to(self._device, non_blocking=True)

    def _drop(self, sub: nn.Module, args: Any, output: Any) -> None:
        for tensor in _weights(sub):
            tensor.data = self._homes[tensor]


def modules_named(module: nn.Module, names: Iterable[str]) -> list[nn.Module]:
    """The sub-modules of these names. Raises ConfigError that lists every unknown name."""
    known = dict(module.named_modules())
    wrong = [f"cpu_offload_modules: {name!r} is no sub-module" for name in names if not name or name not in known]
    if wrong:
        raise ConfigError(wrong)
    return [known[name] for name in names]


def _weights(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]
