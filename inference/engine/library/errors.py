"""What a caller of the library can do wrong, and what a model can do to one input. No message quotes a value of a tensor."""

from __future__ import annotations

from collections.abc import Sequence


class LibraryError(Exception):
    """Base of all below."""


class ConfigError(LibraryError, ValueError):
    """A configuration has problems; `problems` holds them all, each beginning with the field's name."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class CacheError(LibraryError):
    """The cache cannot be opened, or was asked for something that has no meaning; the message says what to do."""


class InferenceError(LibraryError):
    """One input has no answer; the others of its batch have theirs. The model's own exception is the `__cause__`."""


class NonFiniteOutput(InferenceError):
    """The model's output for this input has a NaN."""


class Closed(LibraryError):
    """The engine is closed; make a new one."""


class Overloaded(LibraryError):
    """The engine's queue is full; wait for earlier answers, then submit again."""


class ServingError(LibraryError):
    """Profiling would slow the requests that this process is serving; measure every N-th call instead."""
