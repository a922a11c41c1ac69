"""What can keep a batch from being delivered. No message holds an address, a credential, or anything that a receiver answered."""

from __future__ import annotations


class DestinationError(Exception):
    """The batch is not acknowledged; the sender's cursor stays where it is."""


class TryAgain(DestinationError):
    """Send the same batch again later: it may have arrived, and the receiver knows it by its key."""

    def __init__(self, said: str, *, after_s: float | None = None) -> None:
        super().__init__(said)
        self.after_s = after_s
        """How long the receiver asked to be left alone, in seconds."""


class Unreachable(TryAgain):
    """No connection: no such name, nobody listens, or not in time."""


class Untrusted(TryAgain):
    """The receiver's certificate is not one that may be trusted. Nothing was sent."""


class Busy(TryAgain):
    """The receiver says that it cannot now."""


class Unacknowledged(TryAgain):
    """It was sent, and nobody said that it is there."""


class GiveUp(DestinationError):
    """Sending the same again helps nobody: somebody has to mend the destination, here or there."""


class Misconfigured(GiveUp):
    """The destination is not described as one of its kind is."""


class Forbidden(GiveUp):
    """The cell may not send there: another legal area, or an address that is not public and that the operator has not allowed."""


class Refused(GiveUp):
    """The receiver answers, and says no: the credential, the address or its configuration is wrong."""


class Unauthorized(Refused):
    """The receiver does not know our credential, or it may not do there what it has to."""


class Gone(GiveUp):
    """The receiver says that it wants nothing any more."""
