"""Every way to set a tunable's knobs: the knobs by name, and the rules that their values keep together."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from functools import cached_property

from compiler.tune import canonical
from compiler.tune.knobs import Candidate, Knob, Value

Constraint = Callable[[Candidate], bool]
_TRIES = 10_000
"""Draws before `random` gives up: a space where fewer than one candidate in thousands is valid needs other knobs."""


class Space:
    """Knobs and constraints, each under a name.

    A constraint is known by its name alone: its code is part of what the key's hash of the kernel's source covers. Name it
    after what it asks for ("tile fits in L2"), and it reads well in the reason why a candidate is not valid.
    """

    def __init__(self, knobs: Mapping[str, Knob], constraints: Mapping[str, Constraint] | None = None) -> None:
        """Raises ValueError where there is no knob or where the defaults break a constraint."""
        if not knobs:
            raise ValueError("a space needs at least one knob")
        self.knobs = dict(sorted(knobs.items()))
        self.constraints = dict(constraints or {})
        if problem := self.problem(self.default):
            raise ValueError(f"the defaults are not a valid candidate: {problem}")

    @property
    def default(self) -> dict[str, Value]:
        return {name: knob.default for name, knob in self.knobs.items()}

    @property
    def size(self) -> int:
        """Number of candidates, valid or not."""
        return math.prod(len(knob) for knob in self.knobs.values())

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over every knob's values and the constraints' names; the order in which they are given does not count."""
        knobs = {name: knob.describe() for name, knob in self.knobs.items()}
        return canonical.digest({"knobs": knobs, "constraints": sorted(self.constraints)})

    def problem(self, candidate: Candidate) -> str | None:
        """Why `candidate` is not of this space, or None."""
        if candidate.keys() != self.knobs.keys():
            return f"it sets {sorted(candidate)}, the knobs are {list(self.knobs)}"
        for name, knob in self.knobs.items():
            try:
                knob.encode(candidate[name])
            except ValueError as error:
                return f"{name}: {error}"
        return next((f"not {name}" for name, holds in self.constraints.items() if not holds(candidate)), None)

    def encode(self, candidate: Candidate) -> dict[str, int]:
        """The place of each knob's value. Raises ValueError for a value that is not the knob's."""
        return {name: knob.encode(candidate[name]) for name, knob in self.knobs.items()}

    def decode(self, places: Mapping[str, int]) -> dict[str, Value]:
        """The candidate with these places, valid or not."""
        return {name: knob.decode(places[name]) for name, knob in self.knobs.items()}

    def random(self, rng: random.Random) -> dict[str, Value]:
        """A valid candidate. Raises ValueError where ten thousand draws find none."""
        for _ in range(_TRIES):
            candidate = {name: knob.random(rng) for name, knob in self.knobs.items()}
            if self.problem(candidate) is None:
                return candidate
        raise ValueError(f"{_TRIES} random candidates broke the constraints {sorted(self.constraints)}; loosen them")

    def neighbours(self, candidate: Candidate) -> list[dict[str, Value]]:
        """The valid candidates that differ from `candidate` in one knob, by one step."""
        near = (
            {**candidate, name: value}
            for name, knob in self.knobs.items()
            for value in knob.neighbours(candidate[name])
        )
        return [other for other in near if self.problem(other) is None]
