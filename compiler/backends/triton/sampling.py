"""The next token of each row of logits in two launches, decided by given uniform numbers: the same numbers, the same tokens.

Temperature, then the k likeliest, then the likeliest that hold p of what those have, then the token at the uniform number's share
of what is left, in the order of the vocabulary. A temperature below 1e-5 is greedy, k of 0 and p of 1 cut nothing.
"""

from __future__ import annotations

from pathlib import Path

import torch

from compiler.backends.triton.launch import bound
from compiler.backends.triton.plans import Launch
from compiler.backends.triton.sources import from_template
from compiler.backends.triton.tiles import power_above
from compiler.ir.value import TensorType

BLOCK = 2048
"""Logits that a program looks at together."""
WAYS = 8
"""Borders that are tried at once; more spill."""
_WARPS = 16


def launches(rows: int, vocabulary: int, dtype: torch.dtype, *, block: int = BLOCK) -> tuple[Launch, Launch]:
    """Of `peaks` and of `draw`. Raises ValueError for a vocabulary that counts in float32 cannot hold."""
    if not 0 < vocabulary < 1 << 24 or rows < 1:
        raise ValueError(f"{rows} rows of {vocabulary} tokens have no kernel; use the reference")
    count = -(-vocabulary // block)
    logits, tiles = TensorType((rows, vocabulary), dtype), (rows, count)
    numbers, whole = TensorType((rows,), torch.float32), TensorType((rows,), torch.int32)
    found = TensorType(tiles, torch.float32), TensorType(tiles, torch.int32), TensorType(tiles, torch.float32)
    title = f"the next tokens of {logits}"
    common = {"VOCABULARY": vocabulary, "TILES": count}
    of_peaks = {**common, "BLOCK": block}
    of_draw = {**common, "TILES_ABOVE": power_above(count), "BLOCK": block, "WAYS": WAYS}
    peaks = from_template("peaks", title, of_peaks)
    draw = from_template("draw", title, of_draw)
    tokens = TensorType((rows,), torch.int64)
    return (
        Launch(None, peaks, (rows, count, 1), (logits, numbers, *found), of_peaks, 8, 1),
        Launch(
            None, draw, (rows, 1, 1), (logits, numbers, whole, numbers, numbers, *found, tokens), of_draw, _WARPS, 1
        ),
    )


class Sampler:
    """For a number of rows; reads everything from memory of its own, so that a CUDA graph can hold it."""

    def __init__(self, logits: torch.Tensor, folder: Path, *, block: int = BLOCK) -> None:
        """`logits` [rows, vocabulary] are read where they lie, at each call. Raises ValueError, NoTriton, OSError."""
        rows, vocabulary = logits.shape
        peaks, draw = launches(rows, vocabulary, logits.dtype, block=block)
        if not logits.is_contiguous():
            raise ValueError("logits lie one row after another")

        def made(dtype: torch.dtype, *shape: int) -> torch.Tensor:
            return torch.zeros(shape or (rows,), dtype=dtype, device=logits.device)

        self.temperature, self.top_p, self.uniform = (made(torch.float32) for _ in range(3))
        self.top_k, self.tokens = made(torch.int32), made(torch.int64)
        """[rows]; a token is -1 where the logits are not finite."""
        tiles = rows, peaks.grid[1]
        found = made(torch.float32, *tiles), made(torch.int32, *tiles), made(torch.float32, *tiles)
        self._calls = (
            bound(peaks, (logits, self.temperature, *found), folder),
            bound(
                draw,
                (logits, self.temperature, self.top_k, self.top_p, self.uniform, *found, self.tokens),
                folder,
            ),
        )

    def fill(self, temperature: torch.Tensor, top_k: torch.Tensor, top_p: torch.Tensor, uniform: torch.Tensor) -> None:
        """What decides the next call; each [rows]."""
        for mine, given in (
            (self.temperature, temperature),
            (self.top_k, top_k),
            (self.top_p, top_p),
            (self.uniform, uniform),
        ):
            mine.copy_(given, non_blocking=True)

    def run(self) -> torch.Tensor:
        """The tokens int64 [rows], until the next call."""
        for call in self._calls:
            call()
        return self.tokens
