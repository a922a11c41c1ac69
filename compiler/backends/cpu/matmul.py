"""Packed matmuls on torch tensors, through a `Library`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn.functional import pad

from compiler.backends.cpu.bindings import MatmulCall, pointer
from compiler.backends.cpu.layout import TILE, Packed
from compiler.backends.cpu.library import Library

Activation = Literal["none", "gelu", "gelu_tanh", "relu", "silu_gate", "gelu_tanh_gate"]
_ACTIVATIONS: tuple[Activation, ...] = ("none", "gelu", "gelu_tanh", "relu", "silu_gate", "gelu_tanh_gate")
_KINDS = ("int8", "bfloat16", "float32", "int4", "int4_bfloat16")


@dataclass(frozen=True, slots=True)
class Bytes:
    """Rows of bytes with zero point 128: x ≈ (byte - 128) * scale."""

    values: torch.Tensor
    """uint8 [rows, K padded to a multiple of 128], filled with 128."""
    scales: torch.Tensor
    """float32 [rows]; NaN for a row with an infinity or NaN, 0 for a row of zeros."""


def quantize_rows(library: Library, x: torch.Tensor, peaks: torch.Tensor | None = None) -> Bytes:
    """float32 [rows, K] to bytes with a scale for each row, max |x| / 127. `peaks` are those of `matmul`, where it made `x`."""
    rows, columns = x.shape
    values = torch.empty(rows, columns + -columns % 128, dtype=torch.uint8)
    scales = torch.empty(rows)
    library.native.quantize_run(
        library.pool, pointer(x), rows, columns, pointer(values), values.shape[1], pointer(scales), pointer(peaks),
        0 if peaks is None else library.threads,
    )  # fmt: skip
    return Bytes(values, scales)


@dataclass(frozen=True, slots=True)
class Planned:
    """A matmul with its operands and the memory of its result."""

    call: MatmulCall
    result: torch.Tensor
    operands: tuple[object, ...]
    """What the call points to, kept alive."""


def run(library: Library, planned: Sequence[Planned]) -> None:
    """Matmuls one after another in one native call, as a generated step runs them."""
    library.native.matmul_run(library.pool, (MatmulCall * len(planned))(*(one.call for one in planned)), len(planned))


def matmul(
    library: Library,
    x: torch.Tensor | Bytes,
    weight: Packed,
    *,
    activation: Activation = "none",
    bias: torch.Tensor | None = None,
    residual: torch.Tensor | None = None,
    out: torch.dtype = torch.float32,
    columns: int | None = None,
    peaks: torch.Tensor | None = None,
) -> torch.Tensor:
    """The result of `plan`, at once."""
    planned = plan(
        library, x, weight, activation=activation, bias=bias, residual=residual, out=out, columns=columns, peaks=peaks
    )
    run(library, [planned])
    return planned.result


def plan(
    library: Library,
    x: torch.Tensor | Bytes,
    weight: Packed,
    *,
    activation: Activation = "none",
    bias: torch.Tensor | None = None,
    residual: torch.Tensor | None = None,
    out: torch.dtype = torch.float32,
    columns: int | None = None,
    peaks: torch.Tensor | None = None,
) -> Planned:
    """activation(x · weightᵀ + bias) + residual, [rows, N] in type `out` (float32 or bfloat16).

    `x` [rows, K] is of the weight's type; for int8 weights `Bytes`; for int4 weights `Bytes` or bfloat16. A gated activation takes
    `layout.interleave`d weights and gives activation(gate) * up, of which `columns` are wanted. `bias` is float32, one for each
    row of the weight; `residual` is like the result. `peaks` int32 [threads, rows], zeros at first, receives bits of the largest
    size in each row for `quantize_rows`. An infinity or NaN of a row of `Bytes` makes the whole row NaN; of other rows what
    IEEE arithmetic makes of it. Raises ValueError.
    """
    kind, values, scales, sums = _activations(library, x, weight)
    gated = activation.endswith("_gate")
    whole = weight.tiles * TILE
    if columns is None:
        columns = whole // 2 if gated else weight.rows
    if columns > (whole // 2 if gated else weight.rows):
        raise ValueError(f"{columns} columns of a weight that makes {whole // 2 if gated else weight.rows}")
    if bias is not None:
        if bias.shape != (weight.rows,):
            raise ValueError(f"a bias of {weight.rows} values, not of shape {tuple(bias.shape)}")
        bias = pad(bias.float(), (0, whole - bias.shape[0]))
    result = torch.empty(values.shape[0], columns, dtype=out)
    if residual is not None and (residual.shape != result.shape or residual.dtype != out):
        raise ValueError(
            f"a residual like the result {tuple(result.shape)} {out}, not {tuple(residual.shape)} {residual.dtype}"
        )
    call = MatmulCall(
        kind=_KINDS.index(kind),
        activation=_ACTIVATIONS.index(activation),
        half_out=out == torch.bfloat16,
        group=weight.group,
        rows=values.shape[0],
        k=weight.columns,
        tiles=weight.tiles,
        columns=columns,
        x=pointer(values),
        x_stride=values.stride(0) * values.element_size(),
        x_scales=pointer(scales),
        x_sums=pointer(sums),
        w=pointer(weight.words),
        w_scales=pointer(weight.scales),
        w_sums=pointer(weight.sums),
        bias=pointer(bias),
        residual=pointer(residual),
        out=pointer(result),
        peaks=pointer(peaks),
    )
    return Planned(call, result, (values, scales, sums, weight, bias, residual, peaks))


def _activations(
    library: Library, x: torch.Tensor | Bytes, weight: Packed
) -> tuple[str, torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
    """The kind of matmul, and values, scales and group sums of the rows, padded as the weight is."""
    if isinstance(x, Bytes):
        if weight.kind not in ("int8", "int4") or x.values.shape[1] < weight.columns:
            raise ValueError(
                f"no bytes of shape {tuple(x.values.shape)} for a {weight.kind} weight of {weight.columns} columns"
            )
        if weight.kind == "int8":
            return "int8", x.values, x.scales, None
        groups = -(-weight.columns // weight.group)
        sums = torch.empty(x.values.shape[0], groups, dtype=torch.int32)
        library.native.group_sums_run(
            library.pool, pointer(x.values), *x.values.shape, weight.group, groups, pointer(sums)
        )
        return "int4", x.values, x.scales, sums
    wanted = torch.float32 if weight.kind == "float32" else torch.bfloat16
    if weight.kind == "int8" or x.dtype != wanted or x.dim() != 2 or x.shape[1] != weight.columns:
        raise ValueError(
            f"rows of {x.dtype} {tuple(x.shape)} do not fit a {weight.kind} weight of {weight.columns} columns; bytes are made "
            "by quantize_rows"
        )
    kind = "int4_bfloat16" if weight.kind == "int4" else weight.kind
    step = {"int4_bfloat16": weight.group, "bfloat16": 2, "float32": 1}[kind]
    return kind, pad(x, (0, -weight.columns % step)).contiguous(), None, None
