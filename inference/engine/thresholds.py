"""How sure a small model has to be: the threshold of a cascade from examples and a target. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

Z95 = 1.959964
"""Of a two-sided interval of 95 %."""
NEVER = math.inf
"""The threshold that no confidence passes."""


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What a target came to on the examples. `agreement` is the share of the small model's exits that were as expected and
    `agreement_low` its lower Wilson bound; both are of the chosen threshold, 0 where no threshold reaches the target."""

    threshold: float
    reached: bool
    examples: int
    exits: int
    agreement: float
    agreement_low: float


def wilson_low(agreed: int, count: int) -> float:
    """The lower bound of a share at 95 % (Wilson 1927); 0 for nothing."""
    if count == 0:
        return 0.0
    share, square = agreed / count, Z95**2
    middle = share + square / (2 * count)
    spread = Z95 * math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    return max(0.0, (middle - spread) / (1 + square / count))


def smallest(scored: Iterable[tuple[float, bool]], target: float, examples: int) -> Adaptation:
    """The least confidence at which the answers that are at least so sure are as expected so often that the lower Wilson bound of
    that share is `target`. `scored` is each answer's confidence and whether it is as expected, of `examples` that were tried.
    """
    best = Adaptation(NEVER, False, examples, 0, 0.0, 0.0)
    ranked = sorted(scored, key=lambda pair: -pair[0])
    agreed = 0
    for count, (score, agrees) in enumerate(ranked, 1):
        agreed += agrees
        if count < len(ranked) and ranked[count][0] == score:
            continue  # a threshold lets all of equal confidence out
        low = wilson_low(agreed, count)
        if low >= target:
            best = Adaptation(score, True, examples, count, agreed / count, low)
    return best
