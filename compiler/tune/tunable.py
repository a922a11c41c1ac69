"""What can be tuned: whoever has knobs, says which settings are worth trying, and builds and checks one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from compiler.tune.knobs import Candidate
from compiler.tune.space import Space

Runner = Callable[[], object]
"""Runs a built candidate once, on inputs of its own that are synthetic."""


class Infeasible(Exception):
    """A candidate that cannot be built or run here; the message says why, in words that may be stored."""


@dataclass(frozen=True, slots=True)
class Parity:
    """Whether a candidate computes what it should, and by how much it is off."""

    passed: bool
    measures: Mapping[str, float | str] = field(default_factory=dict)
    """Errors by name, for the row: `{"max_abs": 3e-7}`. Numbers alone, so that no value of a tensor's is stored."""

    def __bool__(self) -> bool:
        return self.passed

    def plain(self) -> dict[str, float | str]:
        """The errors as JSON knows them: it has no NaN and no infinity, and an error that is one is worth reading."""
        return {
            name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in self.measures.items()
        }


class Tunable(Protocol):
    """An operator at one shape. Whatever `prune`, `build`, a runner or `parity` raises counts against the candidate."""

    @property
    def space(self) -> Space: ...

    def rules(self, shape: Mapping[str, int]) -> Iterable[Candidate]:
        """Candidates worth trying first at this shape, six to twelve; the space's default is always tried."""

    def prune(self, candidate: Candidate) -> str | None:
        """Why it needs no measuring, from what is known without the device (registers, spills, shared memory), or None."""

    def build(self, candidate: Candidate) -> Runner:
        """Compiles it. Raises Infeasible, or anything else, where that fails."""

    def parity(self, candidate: Candidate) -> bool | Parity:
        """Whether its results are right."""
