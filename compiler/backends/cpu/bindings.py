"""The entries of `entries/`, as ctypes sees them: signatures, structures and pointers, and nothing that thinks."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, c_double, c_float, c_int, c_int32, c_int64, c_void_p

import torch


class MatmulCall(Structure):
    """Mirrors the structure of this name in entries/matmul.cpp."""

    _fields_ = [
        ("kind", c_int32),
        ("activation", c_int32),
        ("half_out", c_int32),
        ("group", c_int32),
        ("rows", c_int64),
        ("k", c_int64),
        ("tiles", c_int64),
        ("columns", c_int64),
        ("x", c_void_p),
        ("x_stride", c_int64),
        ("x_scales", c_void_p),
        ("x_sums", c_void_p),
        ("w", c_void_p),
        ("w_scales", c_void_p),
        ("w_sums", c_void_p),
        ("bias", c_void_p),
        ("residual", c_void_p),
        ("out", c_void_p),
        ("peaks", c_void_p),
    ]


class PagesCall(Structure):
    """Mirrors the structure of this name in entries/attention.cpp."""

    _fields_ = [
        ("data", c_void_p),
        ("half", c_int64),
        ("block_tokens", c_int64),
        ("kv_heads", c_int64),
        ("head_dim", c_int64),
    ]


class Draw(Structure):
    """Mirrors the structure of this name in kernels/sample.h."""

    _fields_ = [
        ("temperature", c_float),
        ("top_p", c_float),
        ("min_p", c_float),
        ("top_k", c_int32),
        ("uniform", c_double),
    ]


_P, _L, _N, _F = c_void_p, c_int64, c_int, c_float
_PAGES = POINTER(PagesCall)
SIGNATURES: dict[str, tuple[object, ...]] = {
    "pool_new": (_P, _N, _N),
    "pool_delete": (None, _P),
    "pool_count": (None, _P, _L, _P, _P),
    "lanes": (_N,),
    "instructions": (_N,),
    "matmul_run": (None, _P, POINTER(MatmulCall), _L),
    "quantize_run": (None, _P, _P, _L, _L, _P, _L, _P, _P, _N),
    "group_sums_run": (None, _P, _P, _L, _L, _L, _L, _P),
    "rope_run": (None, _P, _P, _L, _L, _L, _L, _P, _P, _L, _P),
    "write_run": (None, _P, _PAGES, _P, _P, _L, _L, _P),
    "decode_run": (None, _P, _PAGES, _P, _L, _P, _L, _L, _L, _F, _P, _L, _P),
    "prompt_run": (None, _P, _PAGES, _P, _L, _P, _P, _L, _L, _L, _F, _P, _L, _P),
    "encoder_run": (None, _P, _P, _L, _P, _L, _L, _L, _F, _P),
    "norm_run": (None, _P, _P, _P, _L, _L, _P, _P, _F, _P, _P, _L, _P),
    "embed_run": (None, _P, _N, _P, _L, _L, _P, _P, _L, _P, _N),
    "sample_run": (None, _P, _P, _L, _L, POINTER(Draw), _P),
    "function_run": (None, _N, _P, _L, _P),
}
"""Of every entry: what it returns, then what it takes."""


def declare(library: ctypes.CDLL) -> ctypes.CDLL:
    """Gives every entry its signature; without one ctypes would cut pointers to 32 bits."""
    for name, (result, *arguments) in SIGNATURES.items():
        entry = getattr(library, name)
        entry.restype, entry.argtypes = result, arguments
    return library


def pointer(tensor: torch.Tensor | None) -> int | None:
    """Where a tensor's values begin; NULL for None. Raises ValueError where they are not one after another on the CPU."""
    if tensor is None:
        return None
    if tensor.device.type != "cpu" or not tensor.is_contiguous():
        raise ValueError(
            f"a kernel takes contiguous tensors on the CPU, not one of strides {tensor.stride()} on {tensor.device}"
        )
    return tensor.data_ptr()
