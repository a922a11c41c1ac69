"""What programs are tried on: made from an example and a seed, and from nothing that anybody asked a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from compiler.ir.value import Value


def sized(
    inputs: Sequence[Value], example: Sequence[torch.Tensor], sizes: Mapping[str, int]
) -> tuple[torch.Tensor, ...]:
    """`example` in the sizes of a bucket; `inputs` say which dimension is which.

    It is repeated or cut; whole numbers that rise by steps, as positions do, go on rising.
    """
    found = []
    for value, tensor in zip(inputs, example, strict=True):
        for dim, size in enumerate(value.shape):
            if str(size) in sizes:
                tensor = _grown(tensor, dim, sizes[str(size)])
        found.append(tensor.contiguous())
    return tuple(found)


def varied(inputs: Sequence[torch.Tensor], seed: int) -> tuple[torch.Tensor, ...]:
    """Other numbers of the same kind: fractions as spread as the example's, whole ones in another order unless they rise."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for tensor in inputs:
        if tensor.dtype.is_floating_point:
            spread = tensor.double().std(unbiased=False) if tensor.numel() else torch.tensor(1.0)
            noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
            found.append((tensor.double() + noise * spread).to(tensor.dtype))
        elif tensor.dtype in (torch.int32, torch.int64) and not _rises(tensor):
            order = torch.randperm(tensor.numel(), generator=generator)
            found.append(tensor.reshape(-1)[order].reshape(tensor.shape))
        else:
            found.append(tensor)
    return tuple(found)


def filled(states: Mapping[str, torch.Tensor], seed: int) -> dict[str, torch.Tensor]:
    """Caches as a session that has been going on for a while might have them."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(state.shape, generator=generator).to(state.dtype)
        if state.dtype.is_floating_point
        else state.clone()
        for name, state in sorted(states.items())
    }


def _rises(tensor: torch.Tensor) -> bool:
    steps = tensor.reshape(-1).diff()
    return tensor.dim() == 1 and bool((steps == steps[:1]).all()) and bool((steps[:1] > 0).all())


def _grown(tensor: torch.Tensor, dim: int, size: int) -> torch.Tensor:
    if size <= tensor.shape[dim]:
        return tensor.narrow(dim, 0, size)
    if tensor.dim() == 1 and tensor.dtype in (torch.int32, torch.int64) and len(tensor) > 1 and _rises(tensor):
        return tensor[0] + torch.arange(size, dtype=tensor.dtype) * (tensor[1] - tensor[0])
    places = torch.arange(size) % tensor.shape[dim]
    return tensor.index_select(dim, places)
