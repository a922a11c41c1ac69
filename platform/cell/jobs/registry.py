"""Which function does which kind of job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cell.jobs.lease import Lease

Result = Mapping[str, Any] | None
Function = Callable[["Lease"], Result]


class Again(Exception):
    """Raised by a handler that has to wait for something: the job runs again after `after_s`; it did not fail."""

    def __init__(self, after_s: float) -> None:
        super().__init__(f"again after {after_s} s")
        self.after_s = after_s


class UnknownKind(LookupError):
    """No handler is registered for this kind of job in this process."""


@dataclass(frozen=True, slots=True)
class Handler:
    kind: str
    function: Function
    lease_s: float
    """How long one claim or extension holds; a handler that works longer extends it in between."""
    max_attempts: int | None
    """Failures after which an operator has to look; None for work that must end however often it fails."""
    backoff_limit_s: float
    """Longest wait between two attempts."""


_handlers: dict[str, Handler] = {}


def handler(
    kind: str, *, lease_s: float = 60.0, max_attempts: int | None = 10, backoff_limit_s: float = 300.0
) -> Callable[[Function], Function]:
    """Registers the decorated function for jobs of `kind`. It may run any number of times: its effect must be idempotent."""

    def register(function: Function) -> Function:
        if kind in _handlers:
            raise ValueError(f"there are two handlers for {kind}")
        _handlers[kind] = Handler(kind, function, lease_s, max_attempts, backoff_limit_s)
        return function

    return register


def handler_of(kind: str) -> Handler:
    """Raises UnknownKind."""
    try:
        return _handlers[kind]
    except KeyError:
        raise UnknownKind(f"no handler for jobs of kind {kind}") from None
