"""A value of the cache as one block of bytes: a tree of tensors, without pickle.

The block is a head (length of the layout as four bytes, the layout as JSON, padding to 64) and the tensors' bytes, each from a
multiple of 64. The layout has the structure as `torch.utils._pytree` writes it. Only tensors and None are leaves: a number or a
text of a model's answer is payload, and what Python holds of it elsewhere could not be zeroed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

ALIGNMENT = 64

Place: TypeAlias = "tuple[str, list[int], int, int] | None"
"""Type, shape, offset and size in bytes of a tensor; None for a None."""


class Unpackable(Exception):
    """The value holds something else than plain tensors and None in containers that torch can write; it is not cached."""


@dataclass(slots=True)
class Packed:
    """`buffer` is uint8 of shape [size]; `places` says where in it the tensors are, from `start` on."""

    buffer: Tensor
    spec: pytree.TreeSpec
    places: list[Place]
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
        return Packed(buffer, self.spec, self.places, self.start)

    @torch.inference_mode(False)
    def unpack(self, device: torch.device) -> Any:
        """The value, in tensors of its own."""
        return pytree.tree_unflatten([self._tensor(place, device) for place in self.places], self.spec)

    def wipe(self) -> int:
        """Overwrites the bytes with zeros; returns how many."""
        self.buffer.zero_()
        return self.size

    def _tensor(self, place: Place, device: torch.device) -> Tensor | None:
        if place is None:
            return None
        name, shape, offset, size = place
        dtype = getattr(torch, name)
        if not size:
            return torch.empty(shape, dtype=dtype, device=device)
        part = self.buffer[self.start + offset : self.start + offset + size]
        return part.to(device, copy=True).view(dtype).view(shape)


@torch.inference_mode(False)  # an inference tensor could not be zeroed outside of that mode
def pack(value: Any, device: torch.device, *, pinned: bool) -> Packed:
    """Copies a value into one block on `device`. Raises Unpackable."""
    leaves, spec = pytree.tree_flatten(value)
    places: list[Place] = []
    size = 0
    for leaf in leaves:
        places.append(_place(leaf, size))
        size += 0 if leaf is None else _aligned(leaf.nbytes)
    head = json.dumps([_written(spec), places], separators=(",", ":")).encode()
    start = _aligned(4 + len(head))
    buffer = torch.zeros(start + size, dtype=torch.uint8, device=device, pin_memory=pinned)
    buffer[: 4 + len(head)] = torch.frombuffer(bytearray(len(head).to_bytes(4) + head), dtype=torch.uint8).to(device)
    for leaf, place in zip(leaves, places, strict=True):
        if place is not None and leaf.numel():
            begin = start + place[2]
            buffer[begin : begin + place[3]].view(leaf.dtype).view(leaf.shape).copy_(leaf.detach())
    return Packed(buffer, spec, places, start)


def parse(buffer: Tensor) -> Packed:
    """The value in a block on the host that `pack` made. Raises Unpackable where this process knows no such container."""
    array = buffer.numpy()
    length = int.from_bytes(array[:4].tobytes())
    written, places = json.loads(array[4 : 4 + length].tobytes())
    return Packed(buffer, _read(written), places, _aligned(4 + length))


def _place(leaf: Any, offset: int) -> Place:
    if leaf is None:
        return None
    if type(leaf) not in (Tensor, torch.nn.Parameter):
        raise Unpackable(f"a {type(leaf).__name__} is no tensor")
    if leaf.layout is not torch.strided or leaf.is_quantized or leaf.device.type == "meta":
        raise Unpackable("a tensor is not dense")
    return str(leaf.dtype).removeprefix("torch."), list(leaf.shape), offset, leaf.nbytes


@lru_cache(maxsize=256)
def _written(spec: pytree.TreeSpec) -> str:
    try:
        return str(pytree.treespec_dumps(spec))
    except NotImplementedError as error:
        raise Unpackable("a container has no name that torch could write") from error


@lru_cache(maxsize=256)
def _read(written: str) -> pytree.TreeSpec:
    try:
        return pytree.treespec_loads(written)
    except NotImplementedError as error:
        raise Unpackable("a container is of a class that is not loaded here") from error


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
