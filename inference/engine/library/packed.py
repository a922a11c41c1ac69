"""A value of the cache as one block of bytes: lists, tuples and dicts of tensors, without pickle.

The block is a head (length of the layout as four bytes, the layout as JSON, padding to 64) and the tensors' bytes, each from a
multiple of 64. Only tensors and None are leaves: a number or a text of a model's answer is payload, and what Python holds of it
elsewhere could not be zeroed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

ALIGNMENT = 64


class Unpackable(Exception):
    """The value holds something else than plain tensors, None, lists, tuples and dicts; it is not cached."""


@dataclass(slots=True)
class Packed:
    """`buffer` is uint8 of shape [size]; `layout` says where in it the tensors are, from `start` on."""

    buffer: Tensor
    layout: Any
    start: int

    @property
    def size(self) -> int:
        """Bytes, head included."""
        return self.buffer.numel()

    @torch.inference_mode(False)
    def to(self, device: torch.device, *, pinned: bool) -> Packed:
        """A copy in other memory."""
        buffer = torch.empty(self.size, dtype=torch.uint8, device=device, pin_memory=pinned)
        buffer.copy_(self.buffer)
        return Packed(buffer, self.layout, self.start)

    @torch.inference_mode(False)
    def unpack(self, device: torch.device) -> Any:
        """The value, in tensors of its own."""
        return self._node(self.layout, device)

    def wipe(self) -> int:
        """Overwrites the bytes with zeros; returns how many."""
        self.buffer.zero_()
        return self.size

    def _node(self, node: Any, device: torch.device) -> Any:
        if node is None:
            return None
        kind, body = node
        if kind == "tensor":
            dtype, shape, offset, size = body
            dtype = getattr(torch, dtype)
            part = self.buffer[self.start + offset : self.start + offset + size]
            own = part.clone() if part.device == device else part.to(device)
            return own.view(dtype).view(shape) if size else torch.empty(shape, dtype=dtype, device=device)
        if kind == "dict":
            return {key: self._node(value, device) for key, value in body}
        nodes = [self._node(value, device) for value in body]
        return tuple(nodes) if kind == "tuple" else nodes


@torch.inference_mode(False)  # an inference tensor could not be zeroed outside of that mode
def pack(value: Any, device: torch.device, *, pinned: bool) -> Packed:
    """Copies a value into one block on `device`. Raises Unpackable."""
    tensors: list[tuple[Tensor, int]] = []
    layout, size = _layout(value, tensors, 0)
    head = json.dumps(layout, separators=(",", ":")).encode()
    start = _aligned(4 + len(head))
    buffer = torch.zeros(start + size, dtype=torch.uint8, device=device, pin_memory=pinned)
    buffer[: 4 + len(head)] = torch.frombuffer(bytearray(len(head).to_bytes(4) + head), dtype=torch.uint8).to(device)
    for tensor, offset in tensors:
        end = start + offset + tensor.numel() * tensor.element_size()
        if tensor.numel():
            buffer[start + offset : end].view(tensor.dtype).view(tensor.shape).copy_(tensor)
    return Packed(buffer, layout, start)


def parse(buffer: Tensor) -> Packed:
    """The value in a block on the host that `pack` made. Raises ValueError for another block."""
    array = buffer.numpy()
    length = int.from_bytes(array[:4].tobytes())
    return Packed(buffer, json.loads(array[4 : 4 + length].tobytes()), _aligned(4 + length))


def _layout(value: Any, tensors: list[tuple[Tensor, int]], offset: int) -> tuple[Any, int]:
    """The layout of `value`, whose first tensor begins at `offset`, and the offset behind its last."""
    if value is None:
        return None, offset
    kind = type(value)
    if kind is Tensor or kind is torch.nn.Parameter:
        if value.layout is not torch.strided or value.is_quantized or value.device.type == "meta":
            raise Unpackable("a tensor is not dense")
        size = value.numel() * value.element_size()
        tensors.append((value.detach(), offset))
        dtype = str(value.dtype).removeprefix("torch.")
        return ["tensor", [dtype, list(value.shape), offset, size]], _aligned(offset + size)
    body: list[Any] = []
    if kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise Unpackable("a key of a dict is not a string")
            node, offset = _layout(item, tensors, offset)
            body.append([key, node])
        return ["dict", body], offset
    if kind is list or kind is tuple:
        for item in value:
            node, offset = _layout(item, tensors, offset)
            body.append(node)
        return [kind.__name__, body], offset
    raise Unpackable(f"a {kind.__name__} is neither a tensor nor a container of tensors")


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
