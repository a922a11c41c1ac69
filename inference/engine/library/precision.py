"""Half precision that falls back where it does not hold: module by module, first to bfloat16, then to float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

HALVES = (torch.float16, torch.bfloat16)
WIDER = {torch.float16: torch.bfloat16, torch.bfloat16: torch.float32}

Call = Callable[[], Any]


class PrecisionGuard:
    """Widens the sub-modules of a half-precision module whose outputs are not finite though their inputs are.

    The first such sub-module, innermost first, gets the next wider type, until the output is finite or nothing is left to widen:
    what is infinite in float32 too is what the module says, and stays. A widened sub-module's output stays wide; the others cast
    what they take to their own type. Where types that met outside of any sub-module do not go together, the whole is widened.
    """

    def __init__(self, module: nn.Module, weights: Callable[[str], Tensor | None]) -> None:
        """`module` is already in half precision; `weights(name)` gives a parameter or buffer as it was before that, or None."""
        self._module = module
        self._weights = weights
        self._modules = dict(module.named_modules())
        self._own = {name: _dtype(module) for name, module in self._modules.items()}
        self._genuine: set[str] = set()
        self._casting = False
        self.fallbacks: dict[str, torch.dtype] = {}
        """The type that each widened sub-module has now, by its name; "" is the whole."""
        for name, sub in self._modules.items():
            # Weights beyond the range of half precision are lost before anything is computed.
            if any(not _finite(tensor) for tensor in _tensors(sub)) and self._overflowed(name, sub):
                self._widen(name)

    def repair(self, call: Call) -> bool:
        """Widens until `call`, which runs the module on inputs whose output was not finite, gives a finite output; returns whether
        anything was widened."""
        before = dict(self.fallbacks)
        for _ in range(2 * len(self._modules) + 2):
            try:
                culprit = self._culprit(call)
            except RuntimeError:  # types that do not go together, outside of what casts
                culprit = ""
            if culprit is None or not self._widen(culprit):
                break
        return self.fallbacks != before

    def _culprit(self, call: Call) -> str | None:
        """The first sub-module to make something that is not finite of what is; None where there is none."""
        found: list[str] = []
        depth: list[bool] = []
        handles = []
        names = {sub: name for name, sub in self._modules.items()}

        def enter(sub: nn.Module, args: Any, kwargs: Any) -> None:
            depth.append(_finite((args, kwargs)))

        def leave(sub: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            if depth.pop() and not found and names[sub] not in self._genuine and not _finite(output):
                found.append(names[sub])

        for sub in names:
            # Before the casts: a value that only the cast loses is lost by this module.
            handles.append(sub.register_forward_pre_hook(enter, with_kwargs=True, prepend=True))
            handles.append(sub.register_forward_hook(leave, with_kwargs=True))
        try:
            call()
        finally:
            for handle in handles:
                handle.remove()
        return found[0] if found else None

    def _widen(self, name: str) -> bool:
        """Gives a sub-module and all in it the next wider type; False when the whole has none."""
        sub = self._modules[name]
        now = self.fallbacks.get(name) or _dtype(sub) or self._dtype_around(name)
        wider = WIDER.get(now)
        if wider is None:
            self._genuine.add(name)
            return name != ""
        for path, tensor in [*sub.named_parameters(), *sub.named_buffers()]:
            if tensor.dtype in HALVES:
                source = self._weights(f"{name}.{path}" if name else path)
                tensor.data = (tensor if source is None else source).detach().to(tensor.device, wider)
        self.fallbacks[name] = wider
        if name == "":
            self.fallbacks = {"": wider}
        self._cast_inputs()
        return True

    def _cast_inputs(self) -> None:
        if self._casting:
            return
        self._casting = True
        for name, sub in self._modules.items():
            sub.register_forward_pre_hook(self._caster(name, sub), with_kwargs=True)

    def _caster(self, name: str, sub: nn.Module) -> Callable[[nn.Module, Any, Any], Any]:
        owns = any(True for _ in sub.parameters(recurse=False))

        def cast(_: nn.Module, args: Any, kwargs: Any) -> Any:
            # A module without weights takes what comes, unless it was widened itself.
            dtype = _dtype(sub) if owns else self.fallbacks.get(name)
            return None if dtype is None else cast_floats((args, kwargs), dtype)

        return cast

    def _dtype_around(self, name: str) -> torch.dtype:
        while name:
            name = name.rpartition(".")[0]
            dtype = _dtype(self._modules[name])
            if dtype is not None:
                return dtype
        return torch.float32

    def _overflowed(self, name: str, sub: nn.Module) -> bool:
        own = [*sub.named_parameters(recurse=False), *sub.named_buffers(recurse=False)]
        for path, tensor in own:
            source = self._weights(f"{name}.{path}" if name else path)
            if source is not None and not _finite(tensor) and _finite(source):
                return True
        return False


def cast_floats(value: Any, dtype: torch.dtype) -> Any:
    """Floating-point tensors of a value in another type; all else as it is."""

    def cast(leaf: Any) -> Any:
        return leaf.to(dtype) if isinstance(leaf, Tensor) and leaf.is_floating_point() else leaf

    return pytree.tree_map(cast, value)


def named_weights(module: nn.Module) -> Mapping[str, Tensor]:
    """Parameters and buffers by their names."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _tensors(module: nn.Module) -> list[Tensor]:
    own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
    return [tensor for tensor in own if tensor.dtype in HALVES]


def _dtype(module: nn.Module) -> torch.dtype | None:
    """The type of a module's own weights, or of those below it; None where it has none."""
    for recurse in (False, True):
        for tensor in module.parameters(recurse=recurse):
            if tensor.is_floating_point():
                return tensor.dtype
    return None


def _finite(value: Any) -> bool:
    leaves = pytree.tree_leaves(value)
    return all(
        bool(torch.isfinite(leaf).all())
        for leaf in leaves
        if isinstance(leaf, Tensor) and (leaf.is_floating_point() or leaf.is_complex())
    )
