"""What a matcher looks for, what it says, and how it fails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

Hit = tuple[int, int, int]
"""``(index, start, end)``: the trigger at `index` matches ``data[start:end]``."""


class Trigger(NamedTuple):
    """An expression over latin-1 bytes.

    `once` asks only whether it is there. Without `start_known` (for expressions with an open start) hits say 0 for the start.
    """

    expression: str
    caseless: bool = False
    start_known: bool = True
    once: bool = False


class MatcherError(Exception):
    """The engine could not compile or scan. Says nothing of what it was given."""


class Matching(Protocol):
    """Makes a matcher: `matcher.matcher`, or the class of one engine."""

    def __call__(self, triggers: Sequence[Trigger], ids: Sequence[int] | None = None) -> Matcher: ...


class Matcher(Protocol):
    """Serves every thread once it is compiled."""

    @property
    def size(self) -> int:
        """Bytes of what was compiled, as far as they are known. Raises MatcherError."""
        ...

    def dump(self) -> bytes:
        """What was compiled, for `matcher.loaded`; empty if the engine cannot keep it. Raises MatcherError."""
        ...

    def compile(self) -> None:
        """Once, whichever thread comes first. Raises MatcherError."""
        ...

    def hits(self, data: bytes) -> list[Hit]:
        """The hits by their ends: for each start at least one end, the same hit hardly ever twice. Raises MatcherError."""
        ...
