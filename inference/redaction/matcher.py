"""The matcher of this machine: Vectorscan, or RE2 where Vectorscan is not installed. Both take time linear in the text."""

from __future__ import annotations

from collections.abc import Sequence

from .matcher_re2 import Re2Matcher
from .trigger import Matcher, MatcherError, Trigger

try:
    from .matcher_vectorscan import VectorscanMatcher, platform_of_databases
except ImportError:  # there is no wheel of hyperscan for this machine
    VectorscanMatcher = None  # type: ignore[assignment,misc]  # that is how it is known below


def matcher(triggers: Sequence[Trigger], ids: Sequence[int] | None = None) -> Matcher:
    """Compiles nothing yet. `ids` stand for the triggers in hits; their indices if not given."""
    return VectorscanMatcher(triggers, ids) if VectorscanMatcher is not None else Re2Matcher(triggers, ids)


def kept_matcher(triggers: Sequence[Trigger], ids: Sequence[int] | None = None) -> Matcher:
    """The same for the package's own triggers: what one process compiles, the next one loads (`kept`)."""
    if VectorscanMatcher is None:
        return Re2Matcher(triggers, ids)
    return VectorscanMatcher(triggers, ids, kept=True)


def loaded(data: bytes) -> Matcher:
    """The matcher that was dumped on this `platform`. Raises MatcherError."""
    if VectorscanMatcher is None:
        raise MatcherError("RE2 keeps nothing")
    return VectorscanMatcher.load(data)


def platform() -> str:
    """The engine, its version, and the features of the processor that it compiles for: a dump is of use nowhere else."""
    return "re2" if VectorscanMatcher is None else platform_of_databases()
