"""From a handful of seeds to a ranking: prune, halve, then let TPE look around what is good."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterable, Sequence

from compiler.tune import canonical
from compiler.tune.budget import Budget
from compiler.tune.knobs import Candidate
from compiler.tune.progress import Progress
from compiler.tune.trial import Trial
from compiler.tune.trials import Trials

_FEWEST = 4
"""Candidates that a rung keeps whatever their number: halving fewer would leave the choice to noise."""


class OptunaMissing(Exception):
    """The search needs Optuna, which is an optional part."""

    def __init__(self) -> None:
        super().__init__(
            "TPE needs Optuna: pip install 'bailiwick[compiler]', or tune by rules alone with Budget(trials=0)"
        )


def ready(budget: Budget) -> None:
    """Raises OptunaMissing where `budget` asks for what is not installed: before anything is measured, not after."""
    if budget.trials and importlib.util.find_spec("optuna") is None:
        raise OptunaMissing


def distinct(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Each candidate once, in the order in which it first came."""
    return list({canonical.text(dict(candidate)): candidate for candidate in candidates}.values())


def prune(trials: Trials, candidates: Sequence[Candidate], progress: Progress) -> list[Candidate]:
    """Those that may be worth building, by the space and by the caller's static check."""
    progress.stage("prune", len(candidates))
    kept = []
    for candidate in candidates:
        if trials.prune(candidate):
            kept.append(candidate)
        progress.step(trials.best)
    return kept


def halve(trials: Trials, candidates: Sequence[Candidate], budget: Budget, progress: Progress) -> list[Candidate]:
    """Measures all a little, the better half more, and so on; what is far behind the best goes at once."""
    alive = list(candidates)
    for repetitions, kill in zip(budget.rungs, budget.kill, strict=True):
        progress.stage(f"halving, {repetitions} runs", len(alive))
        for candidate in alive:
            trials.measure(candidate, repetitions, kill=kill)
            progress.step(trials.best)
        limit = kill * trials.best.time() if trials.best else math.inf
        near = [trial.candidate for trial in trials.ranked(alive) if trial.time() <= limit]
        alive = list(near[: max(_FEWEST, math.ceil(len(alive) / 2))])
    return alive


def explore(trials: Trials, seeds: Sequence[Candidate], budget: Budget, progress: Progress) -> None:
    """TPE from what the seeds showed, until it brings no gain any more; then what is one step from the best; then no more.

    It hears of the seeds and of its own proposals alone, in this order and each by its first samples: so a run that goes on
    from a journal proposes what the run before it did, and finds it measured.
    """
    if budget.trials == 0:
        return
    # Optuna is an optional part: a store that knows every winner is read without it.
    from compiler.tune.suggestions import Suggestions

    suggestions = Suggestions(trials.tunable.space, budget.seed)
    best = math.inf
    for candidate in seeds:
        time = _time(trials[candidate], budget)
        suggestions.tell(candidate, time)
        best = min(best, time or math.inf)
    progress.stage("search", budget.trials)
    idle = 0
    for _ in range(budget.trials):
        proposed = suggestions.ask() if idle < budget.patience else suggestions.beside()
        if proposed is None:
            break
        if trials.prune(proposed):
            for repetitions, kill in list(zip(budget.rungs, budget.kill, strict=True))[:2]:
                trials.measure(proposed, repetitions, kill=kill)
        time = _time(trials[proposed], budget)
        suggestions.tell(proposed, time)
        idle = 0 if time is not None and time < best * (1 - budget.gain) else idle + 1
        best = min(best, time or math.inf)
        progress.step(trials.best)


def settle(trials: Trials, budget: Budget, progress: Progress) -> list[Trial]:
    """The ranking, after its head was measured as often as the last rung asks."""
    head = trials.ranked()[: 2 * budget.finalists]
    progress.stage("ranking", len(head))
    for trial in head:
        trials.measure(trial.candidate, budget.rungs[-1], kill=budget.kill[-1])
        progress.step(trials.best)
    return trials.ranked()


def _time(trial: Trial, budget: Budget) -> float | None:
    """What a candidate's first samples say; None for one that has none or whose results are wrong."""
    if not trial.samples or (trial.parity is not None and not trial.parity):
        return None
    return trial.time(budget.rungs[min(1, len(budget.rungs) - 1)])
