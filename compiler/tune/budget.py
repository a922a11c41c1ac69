"""How much a tuning run may measure, and what it takes to win."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.tune.statistics import familywise, fewest_pairs


@dataclass(frozen=True, slots=True)
class Budget:
    """The defaults take a few minutes for an operator that builds in a second and runs in a millisecond."""

    rungs: tuple[int, ...] = (3, 10, 30)
    """Repetitions after which the slower candidates are given up."""
    kill: tuple[float, ...] = (3.0, 2.0, 1.5)
    """At each rung: how many times the best's time is too much."""
    trials: int = 60
    """Candidates that TPE may propose; 0 leaves it at the rules' seeds and needs no Optuna."""
    patience: int = 20
    """Proposals in a row that bring no gain before the search ends."""
    gain: float = 0.005
    """Share of the best's time that counts as a gain for `patience`."""
    finalists: int = 5
    pairs: int = 31
    """Paired samples of each finalist and the incumbent. An odd number has a median that was measured."""
    level: float = 0.95
    """Confidence of all finalists' intervals together."""
    margin: float = 0.01
    """Share of the incumbent's time that is not worth a change: equal kernels differ by as much with where their buffers lie."""
    revalidation: int = 5
    """Candidates measured where a winner under another driver is known and holds."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.rungs or len(self.rungs) != len(self.kill) or list(self.rungs) != sorted(set(self.rungs)):
            raise ValueError(f"rungs must rise, with a kill factor for each, not {self.rungs} and {self.kill}")
        if min(self.rungs) < 1 or min(self.kill) < 1:
            raise ValueError("rungs and kill factors must be at least 1")
        if self.finalists < 1 or self.revalidation < 2:
            raise ValueError("at least 1 finalist and 2 candidates of a revalidation are needed")
        if not 0 < self.level < 1 or not 0 <= self.margin < 1:
            raise ValueError(
                f"level must lie between 0 and 1, margin from 0 to below 1, not {self.level}, {self.margin}"
            )
        least = fewest_pairs(familywise(self.level, max(self.finalists, self.revalidation)))
        if self.pairs < least:
            raise ValueError(f"{least} pairs are needed for an interval at level {self.level:g}, not {self.pairs}")
