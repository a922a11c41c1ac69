"""What to try next: Optuna's TPE on the places of the knobs' values, fed with all that is known."""

from __future__ import annotations

import random

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from compiler.tune import canonical
from compiler.tune.knobs import Candidate, Value
from compiler.tune.space import Space

_TRIES = 30
"""Proposals that are known or not valid before neighbours of the best are taken instead."""
_WORSE = 10.0
"""What failed counts as this many times the worst time: a region of failures should look bad, not unknown."""


class Suggestions:
    """Asks and answers in one order give the same candidates: the sampler is seeded and knows nothing but what it is told."""

    def __init__(self, space: Space, seed: int) -> None:
        self._space = space
        self._random = random.Random(seed)
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=8)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(sampler=sampler)
        self._distributions: dict[str, BaseDistribution] = {
            name: IntDistribution(0, len(knob) - 1) if knob.ordered else CategoricalDistribution(range(len(knob)))
            for name, knob in space.knobs.items()
        }
        self._told: dict[str, float] = {}
        self._best: tuple[float, Candidate] | None = None
        self._worst = 1.0
        self._asked: tuple[str, optuna.Trial] | None = None

    def ask(self) -> dict[str, Value] | None:
        """A valid candidate that nothing was told of; None where there is none left, or hardly."""
        for _ in range(_TRIES):
            asked = self._study.ask(self._distributions)
            candidate = self._space.decode(asked.params)
            name = canonical.text(candidate)
            known = self._told.get(name)
            if known is not None or self._space.problem(candidate) is not None:
                self._study.tell(asked, self._penalty() if known is None else known)
                continue
            self._asked = name, asked
            return candidate
        return self._untried()

    def tell(self, candidate: Candidate, nanoseconds: float | None) -> None:
        """How long `candidate` takes, None for one that failed."""
        name = canonical.text(dict(candidate))
        value = self._penalty() if nanoseconds is None else nanoseconds
        if self._asked is not None and self._asked[0] == name:
            self._study.tell(self._asked[1], value)
        else:
            places = self._space.encode(candidate)
            self._study.add_trial(
                optuna.trial.create_trial(params=places, distributions=self._distributions, value=value)
            )
        self._asked = None
        self._told[name] = value
        if nanoseconds is not None:
            self._worst = max(self._worst, nanoseconds)
            self._best = min(self._best or (nanoseconds, candidate), (nanoseconds, candidate), key=lambda seen: seen[0])

    def beside(self) -> dict[str, Value] | None:
        """A neighbour of the best that nothing was told of; None where all are known. TPE may pass by what is one step away."""
        near = [] if self._best is None else self._space.neighbours(self._best[1])
        return next((candidate for candidate in near if canonical.text(candidate) not in self._told), None)

    def _untried(self) -> dict[str, Value] | None:
        far = (self._space.random(self._random) for _ in range(_TRIES))
        return self.beside() or next((each for each in far if canonical.text(each) not in self._told), None)

    def _penalty(self) -> float:
        return _WORSE * self._worst
