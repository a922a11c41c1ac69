"""Who wins: finalists against the incumbent in pairs, by an interval, and only with the right results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from compiler.tune import statistics
from compiler.tune.budget import Budget
from compiler.tune.knobs import Candidate
from compiler.tune.progress import Progress
from compiler.tune.statistics import Comparison
from compiler.tune.trial import Trial
from compiler.tune.trials import Trials


class NothingFits(Exception):
    """No candidate can be used; the message counts why, and gives one reason of each kind."""

    def __init__(self, trials: Trials) -> None:
        counts = ", ".join(f"{number} {outcome}" for outcome, number in trials.counts().items())
        reasons = {trial.outcome: trial.reason for trial in trials if trial.reason}
        said = "; ".join(f"{outcome}: {reason}" for outcome, reason in sorted(reasons.items()))
        super().__init__(f"no candidate can be used ({counts}): {said}. Serve this operator by the reference backend")


@dataclass(frozen=True)
class Decision:
    winner: Trial
    incumbent: Trial
    comparison: Comparison | None = None
    """The winner's; None where the incumbent stays."""
    samples: dict[str, list[int]] = field(default_factory=dict)
    finalists: list[dict[str, Any]] = field(default_factory=list)


def incumbent_of(trials: Trials, seeds: Sequence[Candidate]) -> Trial:
    """The first seed that runs and is right, however slow; where none is, the fastest of all that is. Raises NothingFits."""
    ran = [trials[seed] for seed in seeds if trials[seed].samples]
    for trial in [*ran, *trials.ranked()]:
        if trials.correct(trial.candidate):
            return trial
    raise NothingFits(trials)


def decide(trials: Trials, ranking: Sequence[Trial], incumbent: Trial, budget: Budget, progress: Progress) -> Decision:
    """The fastest of up to `budget.finalists` that are right and whose interval lies below the incumbent.

    All samples are new: those that put a finalist at the head of the ranking were chosen for being low. The intervals hold
    together at `budget.level`, so that five finalists have no more chances to win by luck than one.
    """
    rivals: list[Trial] = []
    for trial in ranking:
        if len(rivals) < budget.finalists and trial is not incumbent and trials.correct(trial.candidate):
            rivals.append(trial)
    progress.stage("finals", len(rivals))
    level = statistics.familywise(budget.level, len(rivals))
    decision = Decision(incumbent, incumbent, samples={"incumbent": incumbent.samples})
    finalists: list[dict[str, Any]] = []
    for rival in rivals:
        taken = trials.pairs(rival.candidate, incumbent.candidate, budget.pairs)
        progress.step(trials.best)
        if taken is None:
            continue
        comparison = statistics.compare(*taken, level=level, seed=budget.seed)
        accepted = comparison.wins(budget.margin)
        finalists.append({"candidate": rival.candidate, "accepted": accepted, "comparison": asdict(comparison)})
        if accepted and (decision.comparison is None or comparison.ratio < decision.comparison.ratio):
            samples = dict(zip(("winner", "incumbent"), taken, strict=True))
            decision = Decision(rival, incumbent, comparison, samples)
    return Decision(decision.winner, incumbent, decision.comparison, decision.samples, finalists)
