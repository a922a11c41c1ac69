"""Matrix products of many rows, by the vendor's library: always at the same addresses, so that a recording holds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch

from compiler.backends.triton.plans import Multiply


def multiplication(step: Multiply, tensors: Sequence[torch.Tensor | None]) -> Callable[[], object]:
    """The product of `tensors`: what its operator takes, and where the result goes."""
    x, weight, *rest, out = (tensor for tensor in tensors if tensor is not None)
    scales = rest.pop(0) if step.group.anchor.op == "scaled_linear" else None
    bias = rest[0] if rest else None
    rows, found = x.view(-1, x.shape[-1]), out.view(-1, out.shape[-1])
    if scales is not None:
        return partial(_scaled, rows, weight, scales, bias, found)
    if bias is None:
        return partial(torch.mm, rows, weight.t(), out=found)
    return partial(torch.addmm, bias, rows, weight.t(), out=found)


def _scaled(
    rows: torch.Tensor, weight: torch.Tensor, scales: torch.Tensor, bias: torch.Tensor | None, out: torch.Tensor
) -> None:
    """With a weight of bytes, which are multiplied in the type of `rows`."""
    # A sum of products of bytes is soon more than a float16 holds, and bfloat16 has no bits to lose before it.
    early = rows.dtype == torch.float16
    wide = weight.to(rows.dtype)
    if early:
        wide *= scales[:, None]
    torch.mm(rows, wide.t(), out=out)
    if not early:
        out *= scales
    if bias is not None:
        out += bias
