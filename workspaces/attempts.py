"""How often somebody may try to sign in. Counters live in Redis, so that all processes count together."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import redis

from cell.config import config
from cell.keys import cell_keys


class TooManyAttempts(Exception):
    """Nothing was checked. `retry_after_s` says when it is worth trying again."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many attempts: try again in {retry_after_s} seconds")
        self.retry_after_s = retry_after_s


class CountersUnavailable(Exception):
    """Redis does not answer. Nothing was checked: without counting, nobody signs in."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` attempts in `window_s` seconds by the same caller; `kind` says what makes them the same."""

    kind: str
    most: int
    window_s: int


PASSWORD_FROM_ADDRESS = Limit("password-account-address", 5, 15 * 60)
PASSWORD_OF_ACCOUNT = Limit("password-account", 30, 3600)
"""Wide: guessing from many addresses ends, and a stranger cannot lock a member out with a handful of tries."""
ANY_FROM_ADDRESS = Limit("address", 100, 15 * 60)
CODE_OF_ACCOUNT = Limit("code-account", 10, 3600)
"""A code has a million values and three are right at a time: ten tries an hour find one in four years on average."""


def count(attempts: Iterable[tuple[Limit, str]]) -> None:
    """Counts one attempt for each pair of a limit and a caller. Raises TooManyAttempts if any limit is passed,
    CountersUnavailable if they cannot be counted.

    Attempts are counted before they are checked: tries that run at once are counted too.
    """
    pairs = [(limit, _name(limit, caller)) for limit, caller in attempts]
    with _redis().pipeline() as pipeline:
        for limit, name in pairs:
            pipeline.set(name, 0, ex=limit.window_s, nx=True)
            pipeline.incr(name)
            pipeline.ttl(name)
        answers = _answers(pipeline)
    waits = [
        max(1, answers[position * 3 + 2])
        for position, (limit, _) in enumerate(pairs)
        if answers[position * 3 + 1] > limit.most
    ]
    if waits:
        raise TooManyAttempts(max(waits))


def forget(attempts: Iterable[tuple[Limit, str]]) -> None:
    """Starts the counters again, after a success. Raises CountersUnavailable."""
    with _redis().pipeline() as pipeline:
        pipeline.delete(*(_name(limit, caller) for limit, caller in attempts))
        _answers(pipeline)


class _Queued(Protocol):
    def execute(self) -> Any: ...


def _answers(pipeline: _Queued) -> list[Any]:
    try:
        return list(pipeline.execute())
    except redis.RedisError as error:
        raise CountersUnavailable("the counters of sign-in attempts cannot be reached") from error


def _name(limit: Limit, caller: str) -> str:
    # The caller is an address of mail or network: only its keyed hash goes to Redis.
    digest = hmac.digest(cell_keys().derive("workspaces.attempts"), caller.encode(), "sha256")
    return f"attempts:{limit.kind}:{digest.hex()[:32]}"


def _url() -> str:
    # Celery writes redis+socket://…?virtual_host= for what redis-py calls unix://…?db=.
    return config().redis_url.replace("redis+socket://", "unix://", 1).replace("virtual_host=", "db=", 1)


_redis = cache(lambda: redis.Redis.from_url(_url(), socket_timeout=2, socket_connect_timeout=2))
