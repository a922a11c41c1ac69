"""Which model an answer is of: a digest that changes with whatever the model computes from."""

from __future__ import annotations

import ctypes
import json
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor, nn

from inference.engine.library.pytree import raw

PROBE_BYTES = 64
_SCALARS = frozenset((int, float, str, bool, torch.dtype))


class ModelVersion:
    """Watches a module. The digest covers each sub-module's place, class, code of `forward`, plain settings and the contents of its
    parameters and buffers; weights are read anew only after a look has found a change in them.

    A look costs a few microseconds a sub-module. It compares the tensors themselves, their version counters and, on the CPU, a few
    of their bytes, because a change through `.data` or NumPy counts no version. It misses such a change where it is confined to
    other bytes or to another device, and changes to functions that `forward` calls; `changed()` is for those.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._seen: list[Any] = []
        self._settings: list[Any] = []
        self._settings_digest = ""
        self.weights = ""
        """Digest of all but the plain settings."""
        self.training = False
        """Whether the last look found a part in training mode."""

    def current(self) -> str:
        """The digest: 32 hexadecimal digits of the weights, a dot, 16 of the settings."""
        seen, settings, self.training = _look(self._module)
        if seen != self._seen or not self.weights:
            self.weights = _digest(self._module)
            self._seen = seen
            self._settings_digest = ""
        if settings != self._settings or not self._settings_digest:
            # Apart from the weights, which take long to read: some modules count their own calls.
            self._settings_digest = blake2b(repr(settings).encode(), person=b"bw-settings", digest_size=8).hexdigest()
            self._settings = settings
        return f"{self.weights}.{self._settings_digest}"

    def changed(self) -> None:
        """Lets the next `current()` read everything."""
        self.weights = ""


def _look(root: nn.Module) -> tuple[list[Any], list[Any], bool]:
    """What a change shows in, without reading the weights: the parts and their tensors; the plain settings; and whether any part
    is in training mode."""
    seen: list[Any] = []
    settings: list[Any] = []
    known: set[nn.Module] = set()
    stack = [root]
    training = False
    while stack:
        module = stack.pop()
        if module in known:
            continue
        known.add(module)
        values = module.__dict__
        training |= values["training"]
        seen.append(module)
        settings += [pair for pair in values.items() if type(pair[1]) in _SCALARS and pair[0] != "training"]
        for tensors in (values["_parameters"], values["_buffers"]):
            for tensor in tensors.values():
                if tensor is not None:
                    seen.append(_place(tensor))
        stack += [child for child in values["_modules"].values() if child is not None]
    return seen, settings, training


def _place(tensor: Tensor) -> tuple[int, int, int, torch.dtype, bytes]:
    """Which tensor it is, its version, and bytes from its beginning and its middle."""
    at = tensor.data_ptr()
    size = tensor.nbytes
    probe = b""
    if size and tensor.device.type == "cpu" and tensor.is_contiguous():
        length = min(PROBE_BYTES, size)
        probe = ctypes.string_at(at, length) + ctypes.string_at(at + (size - length) // 2, length)
    return id(tensor), -1 if tensor.is_inference() else tensor._version, at, tensor.dtype, probe


def _digest(root: nn.Module) -> str:
    state = blake2b(torch.__version__.encode(), person=b"bw-model", digest_size=16)
    for place, module in root.named_modules():
        kind = type(module)
        codes = [
            vars(base)["forward"].__code__ for base in kind.__mro__ if hasattr(vars(base).get("forward"), "__code__")
        ]
        head: list[Any] = [place, f"{kind.__module__}.{kind.__qualname__}"]
        for code in codes:
            plain = [repr(constant) for constant in code.co_consts if not hasattr(constant, "co_code")]
            head += [code.co_code.hex(), code.co_names, plain]
        _feed(state, json.dumps(head).encode())
        for group in (module._parameters, module._buffers):
            for name, tensor in group.items():
                if tensor is not None:
                    _feed(state, json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
                    state.update(raw(tensor))
    return state.hexdigest()


def _feed(state: blake2b, part: bytes) -> None:
    state.update(len(part).to_bytes(8) + part)
