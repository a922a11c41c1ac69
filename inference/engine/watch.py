"""Whether something happens more often than it may, told as soon as it is certain and however often one looks. Imports no torch.

Page's CUSUM (*Continuous inspection schemes*, 1954) over likelihood ratios of Bernoulli trials. Each ratio is a bet that is fair or
losing while the event is no more frequent than allowed, and the sum begins anew wherever it would fall below zero; so by Ville's
inequality the chance that any of N beginnings ever reaches 1 / `FALSE` is at most N times `FALSE`. What happened before a change
does not hide it.
"""

from __future__ import annotations

from math import log

FALSE = 1e-6
"""Chance of a false alarm for each observation, at most, where the event is exactly as frequent as allowed; far less where it is
rarer."""
_EVERY, _SOME = 0.8, 4.0
"""What is bet on: that nearly every trial is bad, and that so many times more are bad than allowed."""


class Watch:
    """Of one kind of trial, each good or bad."""

    def __init__(self, allowed: float) -> None:
        """`allowed` is the part of trials that may be bad, above 0 and below one half."""
        self._allowed = allowed
        self._sums = [0.0, 0.0]
        self.seen = 0
        self.bad = 0
        self.tripped = False
        """Once it has, it stays so."""

    def see(self, bad: bool, allowed: float | None = None) -> None:
        """One more trial. Where `allowed` is given it is for this one: known before the trial was."""
        expected = self._allowed if allowed is None else allowed
        self.seen += 1
        self.bad += bad
        for number, bet in enumerate((max(_EVERY, (1 + expected) / 2), min(_EVERY, _SOME * expected))):
            ratio = bet / expected if bad else (1 - bet) / (1 - expected)
            self._sums[number] = max(0.0, self._sums[number] + log(ratio))
        self.tripped |= max(self._sums) >= -log(FALSE / len(self._sums))
