"""Operators that change a cache or draw a number."""

from __future__ import annotations

from typing import Any

import torch

from compiler.ir.op import Family, Op, axis_of, require
from compiler.ir.size import Shape
from compiler.ir.value import TensorType, Value


def _write(state: Value, places: Value, content: Value, *, dim: int) -> TensorType:
    axis = axis_of(dim, state.rank)
    require(state.op in ("state", "write"), "only a cache is written to")
    require(places.rank == 1 and places.dtype == torch.int64, "places are a list of whole numbers")
    wanted = (*state.shape[:axis], places.axis(0), *state.shape[axis + 1 :])
    require(content.shape == wanted, f"{content.type} does not go to {places.axis(0)} places of {state.type}")
    require(content.dtype == state.dtype, f"a cache of {state.dtype} does not take {content.dtype}")
    return state.tensor


def _drawn(*, shape: Shape, number: int) -> TensorType:
    return TensorType(shape, torch.float32)


def _run_write(state: torch.Tensor, places: torch.Tensor, content: torch.Tensor, *, dim: int) -> torch.Tensor:
    return state.index_copy(dim, places, content)


def _run_exponential(*, shape: tuple[int, ...], number: int, generator: Any = None) -> torch.Tensor:
    return torch.empty(shape).exponential_(generator=generator)


EFFECTS = [
    # The cache as it is afterwards. Whoever backs it writes in place: the verifier sees to it that nobody asks for before.
    Op("write", Family.EFFECT, _write, _run_write),
    # Numbers of the exponential distribution. `number` tells one draw from another that looks the same.
    Op("exponential", Family.EFFECT, _drawn, _run_exponential),
]
