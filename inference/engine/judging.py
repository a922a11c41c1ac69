"""What a candidate gave, held against the truth by as much as torch itself is off from it, and against a contract."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from compiler.validate.contract import Contract, Kind
from compiler.validate.statistics import agreement, divergence, largest_error, least_cosine

Progress = Callable[[str, int, int], None]
"""What is being done, and how much of it is done of how much."""
_LESS_AGREEMENT = 0.05
"""The part of places where another is the likeliest than torch says: where two are nearly alike, rounding decides."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a manifest says of parity, and why it is not enough."""

    said: dict[str, Any]
    reasons: list[str]


def judged_vectors(
    contract: Contract, dtype: torch.dtype, truth: torch.Tensor, eager: torch.Tensor, found: torch.Tensor
) -> Judged:
    """Of rows [places, width], the truth in float32; eager and found were computed in `dtype`."""
    bitwise = contract.kind is Kind.BITWISE
    error, eager_error = largest_error(found, eager if bitwise else truth), largest_error(eager, truth)
    scale = float(truth.abs().max())
    allowed = 0.0 if bitwise else contract.ratio * eager_error + contract.slack_of(dtype, quantized=False) * scale
    cosine = least_cosine(found, truth)
    reasons = []
    if not bool(eager.isfinite().all()):
        reasons.append("the checkpoint itself gives what is no number; serve it in another type")
    elif not bool(found.isfinite().all()):
        reasons.append("it gives what is no number")
    elif contract.kind is Kind.DISTRIBUTIONAL:
        if not cosine >= contract.cosine:
            reasons.append(
                f"the least cosine is {cosine:.4f}, {contract.cosine} is asked; give it weights of more bits"
            )
    elif not error <= allowed:
        reasons.append(f"the error is {error:.3g}, and {allowed:.3g} is allowed (torch's own is {eager_error:.3g})")
    figures = {"error": error, "eager_error": eager_error, "allowed": allowed, "cosine": cosine}
    return Judged({"truth": "float32", "rows": len(truth), **_finite(figures)}, reasons)


def judged_labels(
    contract: Contract, dtype: torch.dtype, truth: torch.Tensor, eager: torch.Tensor, found: torch.Tensor
) -> Judged:
    """Of logits [places, labels]: also which is the likeliest, and how far what they make likely is apart."""
    judged = judged_vectors(contract, dtype, truth, eager, found)
    agreed, eager_agreed = agreement(found, truth), agreement(eager, truth)
    kl = divergence(found, truth)
    if contract.kind is Kind.DISTRIBUTIONAL:
        if not kl <= contract.kl and bool(found.isfinite().all()):
            judged.reasons.append(
                f"the divergence is {kl:.3g} nats, {contract.kl} is allowed; give it weights of more bits"
            )
    elif not judged.reasons and agreed < eager_agreed - _LESS_AGREEMENT:
        judged.reasons.append(
            f"it says what the truth says at {agreed:.1%} of the places, and torch at {eager_agreed:.1%}"
        )
    figures = {"agreement": agreed, "eager_agreement": eager_agreed, "kl": kl, "eager_kl": divergence(eager, truth)}
    judged.said.update(_finite(figures))
    return judged


def measurement(step: str, batch: int, context: int, times: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Medians of nanoseconds, `times` of the reference and of ours; the first of each is not counted."""
    reference, mine = (int(statistics.median(taken[1:])) for taken in times)
    runs = len(times[0]) - 1
    return {
        "step": step,
        "batch": batch,
        "context": context,
        "median_ns": mine,
        "reference_ns": reference,
        "runs": runs,
    }


def _finite(figures: dict[str, float]) -> dict[str, float | str]:
    """JSON has no infinities."""
    return {name: each if abs(each) < torch.inf else str(each) for name, each in figures.items()}
