"""Drawing tokens as an operator of torch: what a module calls so that a step ends with tokens and not with logits alone."""

from __future__ import annotations

import torch

from compiler.ir.ops.sample import SAMPLE

_RUN = SAMPLE[0].run


@torch.library.custom_op("compiler::sample", mutates_args=())
def sample(logits: torch.Tensor, shares: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    """The next token int64 [rows] of logits float32 [rows, vocabulary].

    `shares` float32 [rows, 3] are temperature, top-p (1 keeps all) and min-p (0 keeps all); `whole` int64 [rows, 2] are top-k (0
    keeps all) and a uniform number, counted in parts of 2**-53. A temperature below 0 gives -2, and logits that are not finite -1.
    """
    found: torch.Tensor = _RUN(logits, shares, whole)
    return found


@sample.register_fake
def _(logits: torch.Tensor, shares: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    return logits.new_empty(logits.shape[0], dtype=torch.int64)
