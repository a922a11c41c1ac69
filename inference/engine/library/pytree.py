"""Inputs and outputs of a module: a tensor, or dicts, lists and tuples of tensors, None among them."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from inference.engine.library.errors import InferenceError

Signature: TypeAlias = tuple[str, tuple[tuple[tuple[int, ...], torch.dtype], ...]]
"""Structure, and shape and type of each tensor: what inputs of one batch have in common."""


def flatten(value: Any) -> tuple[list[Tensor], pytree.TreeSpec]:
    """The tensors of a value and how they belong together; None has none. Raises InferenceError for other leaves."""
    leaves, spec = pytree.tree_flatten(value)
    for leaf in leaves:
        if leaf is not None and (not isinstance(leaf, Tensor) or leaf.layout is not torch.strided):
            raise InferenceError(f"a {type(leaf).__name__} is among the tensors; inputs and outputs are dense tensors")
    return leaves, spec


def unflatten(leaves: Sequence[Tensor | None], spec: pytree.TreeSpec) -> Any:
    return pytree.tree_unflatten(leaves, spec)


def signature(leaves: Sequence[Tensor | None], spec: pytree.TreeSpec) -> Signature:
    shapes = tuple(((), torch.bool) if leaf is None else (tuple(leaf.shape), leaf.dtype) for leaf in leaves)
    return f"{spec} {[leaf is None for leaf in leaves]}", shapes


def feed(state: blake2b, value: Any) -> None:
    """Feeds structure, shapes, types and bytes of a value to a hash, so that no two values feed the same."""
    leaves, spec = flatten(value)
    head = repr(signature(leaves, spec)).encode()
    state.update(len(head).to_bytes(8) + head)
    for leaf in leaves:
        if leaf is not None:
            state.update(raw(leaf))


def raw(tensor: Tensor) -> memoryview:
    """The bytes of a tensor in the order of its elements; of one that is whole in host memory, without a copy."""
    flat = tensor.detach().to("cpu").contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data if flat.numel() else memoryview(b"")


def to_device(value: Any, device: torch.device) -> Any:
    leaves, spec = flatten(value)
    if all(leaf is None or leaf.device == device for leaf in leaves):
        return value
    return unflatten([None if leaf is None else leaf.to(device, non_blocking=True) for leaf in leaves], spec)
