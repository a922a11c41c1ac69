"""Weights to whole numbers so that products stay what they were: what one column loses by rounding, those after it make up for."""

from __future__ import annotations

import numpy
import torch

from compiler.ir.ops.mixed import LARGEST_BYTE

DAMPING = 0.01
"""Of the mean square of a column: what is added to each, so that columns that never changed in the sample can be inverted."""
_BLOCK = 64
"""Columns whose errors are spread over those beyond them together."""


def nearest(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Each weight [rows, columns] by itself, as int8, and the scale of each row, float32."""
    scales, divisors = _scales(weight)
    return (weight / divisors[:, None]).round().to(torch.int8), scales


def eight_bit_floats(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The same as float8 (e4m3, OCP 8-bit floating point 1.0): small weights keep more digits, and large ones fewer."""
    largest = torch.finfo(torch.float8_e4m3fn).max
    scales, divisors = _scales(weight, largest)
    return (weight / divisors[:, None]).clamp(-largest, largest).to(torch.float8_e4m3fn), scales


@torch.no_grad()
def compensated(weight: torch.Tensor, asked: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The same for products with rows like `asked` [some, columns], as GPTQ does (arXiv 2210.17323).

    Columns are rounded one after another; the rounding error of each is spread over those that are left, by how much they go
    together in `asked`.
    """
    products = asked.float().T @ asked.float()
    products.diagonal().add_(DAMPING * products.diagonal().mean() + torch.finfo(torch.float32).tiny)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(products))
    spread = torch.linalg.cholesky(inverse, upper=True).numpy()
    scales, steps = _scales(weight)
    # Column after column, each a small step: NumPy's steps are the cheaper, and columns lie together.
    divisors = steps.numpy()
    left = weight.detach().float().numpy().T.copy()
    columns = len(left)
    found = numpy.empty_like(left, dtype=numpy.int8)
    for start in range(0, columns, _BLOCK):
        end = min(start + _BLOCK, columns)
        errors = numpy.empty((end - start, left.shape[1]), dtype=numpy.float32)
        for column in range(start, end):
            whole = numpy.clip(numpy.rint(left[column] / divisors), -LARGEST_BYTE, LARGEST_BYTE)
            found[column] = whole
            error = errors[column - start] = (left[column] - whole * divisors) / spread[column, column]
            left[column + 1 : end] -= numpy.outer(spread[column, column + 1 : end], error)
        # The columns beyond a block learn of its errors at once: a matrix product instead of many passes over memory.
        left[end:] -= spread[start:end, end:].T @ errors
    return torch.from_numpy(found.T.copy()), scales


def _scales(weight: torch.Tensor, largest: float = LARGEST_BYTE) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each row, so that its largest becomes `largest`, and what it is divided by: of a row of zeros 1."""
    scales = weight.abs().amax(1) / largest
    return scales, torch.where(scales == 0, 1.0, scales)
