"""How much a workspace and a key may ask of this process: a token bucket and a count of requests in flight.

The numbers are held per process: with several web processes behind one balancer each grants the full rate to what reaches it.
Nothing here awaits, so a check and its effect cannot be split by another request.
"""

from __future__ import annotations

from time import monotonic

from inference.gateway.errors import ApiError


class Limiter:
    """The bucket of one workspace or key. `requests_per_minute` and `concurrency` may change while requests run."""

    __slots__ = ("_filled_at", "_tokens", "concurrency", "in_flight", "requests_per_minute")

    def __init__(self, requests_per_minute: int, concurrency: int) -> None:
        self.requests_per_minute = requests_per_minute
        self.concurrency = concurrency
        self.in_flight = 0
        self._tokens = float(self._burst())
        self._filled_at = monotonic()

    def _burst(self) -> int:
        """Requests that may come at once: a sixth of a minute's worth, at least one."""
        return max(1, self.requests_per_minute // 6)

    def configure(self, requests_per_minute: int, concurrency: int) -> None:
        if (requests_per_minute, concurrency) != (self.requests_per_minute, self.concurrency):
            self.requests_per_minute, self.concurrency = requests_per_minute, concurrency
            self._tokens = min(self._tokens, self._burst())

    def enter(self) -> None:
        """Takes one request's place; every `enter` that returns is followed by one `leave`. Raises ApiError 429."""
        now = monotonic()
        rate = self.requests_per_minute / 60
        tokens = min(self._burst(), self._tokens + (now - self._filled_at) * rate)
        self._filled_at = now
        if tokens < 1:
            self._tokens = tokens
            wait = (1 - tokens) / rate if rate else 60
            raise ApiError(
                429,
                "rate_limit_exceeded",
                f"The workspace may send {self.requests_per_minute} requests a minute. Wait as Retry-After says, or ask for more.",
                retry_after_s=wait,
            )
        if self.in_flight >= self.concurrency:
            self._tokens = tokens
            raise ApiError(
                429,
                "concurrency_limit_exceeded",
                f"The workspace may have {self.concurrency} requests in flight. Wait for one to end.",
                retry_after_s=1,
            )
        self._tokens = tokens - 1
        self.in_flight += 1

    def leave(self) -> None:
        self.in_flight -= 1
