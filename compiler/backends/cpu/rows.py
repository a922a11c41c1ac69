"""Kernels that look at one row at a time, on torch tensors, through a `Library`: norms, embeddings, sampling."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from compiler.backends.cpu import bindings
from compiler.backends.cpu.bindings import pointer
from compiler.backends.cpu.library import Library
from compiler.backends.cpu.matmul import Bytes

FUNCTIONS = ("exp", "silu", "tanh", "erf", "gelu", "gelu_tanh", "relu")


@dataclass(frozen=True, slots=True)
class Draw:
    """How to draw one row; the rules are those of `inference.engine.sampler`."""

    temperature: float
    uniform: float
    """A number in [0, 1) that decides the draw."""
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0


def norm(
    library: Library,
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    eps: float,
    residual: torch.Tensor | None = None,
) -> torch.Tensor:
    """Layer norm of rows float32 [rows, width], or without `bias` RMS norm. With a `residual`, `x` becomes their sum first."""
    out = torch.empty_like(x)
    _norm(library, x, residual, weight, bias, eps, out, None)
    return out


def norm_to_bytes(
    library: Library,
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    eps: float,
    residual: torch.Tensor | None = None,
) -> Bytes:
    """As `norm`, quantized with a scale for each row; the same bits as `quantize_rows` of its result."""
    rows, width = x.shape
    made = Bytes(torch.full((rows, width + -width % 128), 128, dtype=torch.uint8), torch.empty(rows))
    _norm(library, x, residual, weight, bias, eps, torch.empty_like(x), made)
    return made


def embed(
    library: Library,
    table: torch.Tensor,
    ids: torch.Tensor,
    *,
    scales: torch.Tensor | None = None,
    onto: torch.Tensor | None = None,
) -> torch.Tensor:
    """Rows [tokens, width] in float32 of a table in float32, bfloat16, or int8 with `scales` [count]; added to `onto` where it is
    given. An id that the table does not have gives a row of NaN."""
    kinds = (torch.float32, torch.bfloat16, torch.int8)
    if table.dtype not in kinds or (table.dtype == torch.int8) != (scales is not None):
        raise ValueError(f"no embedding from {table.dtype} {'with' if scales is not None else 'without'} scales")
    out = torch.empty(ids.shape[0], table.shape[1]) if onto is None else onto.clone()
    library.native.embed_run(
        library.pool, kinds.index(table.dtype), pointer(table), *table.shape, pointer(scales), pointer(ids),
        ids.shape[0], pointer(out), onto is not None,
    )  # fmt: skip
    return out


def argmax(library: Library, logits: torch.Tensor) -> torch.Tensor:
    """The likeliest token int64 of each row, the first of equals; -1 where a logit is NaN or infinity, or all are minus that."""
    return _sample(library, logits, None)


def sample(library: Library, logits: torch.Tensor, draws: Sequence[Draw]) -> torch.Tensor:
    """The token int64 that each row's uniform number decides; -1 as `argmax`. `logits` float32 [rows, vocabulary]."""
    if len(draws) != logits.shape[0]:
        raise ValueError(f"{len(draws)} draws for {logits.shape[0]} rows")
    return _sample(
        library,
        logits,
        (bindings.Draw * len(draws))(
            *(bindings.Draw(d.temperature, d.top_p, d.min_p, d.top_k, d.uniform) for d in draws)
        ),
    )


def function(library: Library, name: str, x: torch.Tensor) -> torch.Tensor:
    """An elementary function of `FUNCTIONS` on float32 values."""
    out = torch.empty_like(x)
    library.native.function_run(FUNCTIONS.index(name), pointer(x), x.numel(), pointer(out))
    return out


def _norm(
    library: Library,
    x: torch.Tensor,
    residual: torch.Tensor | None,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    eps: float,
    out: torch.Tensor,
    made: Bytes | None,
) -> None:
    library.native.norm_run(
        library.pool, pointer(x), pointer(residual), *x.shape, pointer(weight), pointer(bias), eps, pointer(out),
        pointer(made.values) if made else None, made.values.shape[1] if made else 0,
        pointer(made.scales) if made else None,
    )  # fmt: skip


def _sample(library: Library, logits: torch.Tensor, draws: ctypes.Array[bindings.Draw] | None) -> torch.Tensor:
    tokens = torch.empty(logits.shape[0], dtype=torch.int64)
    library.native.sample_run(library.pool, pointer(logits), *logits.shape, draws, pointer(tokens))
    return tokens
