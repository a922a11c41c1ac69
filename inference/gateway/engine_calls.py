"""Calls to the engine, and what their endings mean to a caller."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from inference.engine.client import EngineFailure
from inference.engine.protocol import Embedded, Generated, Result, Timings
from inference.gateway import answers
from inference.gateway.errors import ApiError


async def gathered(calls: list[Coroutine[Any, Any, Result]]) -> list[Result]:
    """All results in order. The first failure cancels the other calls and is raised."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def longest(results: Sequence[Generated]) -> Timings | None:
    """The timings of the operation that took longest: the others ran beside it."""
    if len(results) == 1:
        return results[0].timings
    told = [result.timings for result in results if result.timings is not None]
    return max(told, key=lambda timings: timings.queue_s + timings.prefill_s + timings.decode_s, default=None)


def weights(results: Sequence[Result]) -> str | None:
    """First digits of the digest of the weights that gave the results, joined by + where they are of several versions."""
    if len(results) == 1:
        result = results[0]
        return (result.version or None) if isinstance(result, Generated | Embedded) else None
    names = {result.version for result in results if isinstance(result, Generated | Embedded)} - {""}
    return "+".join(sorted(names)) or None


def accept(reason: str) -> None:
    """Raises ApiError for a finish reason that is not an answer."""
    if reason in answers.FINISH:
        return
    if reason == "erased":
        raise ApiError(410, "request_erased", "What this request was working on was erased meanwhile.")
    raise ApiError(503, "engine_stopped", "The engine stopped this request before it ended. Retry.", retry_after_s=2)


def engine_failed(failure: EngineFailure) -> ApiError:
    error = failure.error
    if error.status == 499:
        return ApiError(
            503, "engine_stopped", "The engine stopped this request before it ended. Retry.", retry_after_s=2
        )
    wait = error.retry_after_s
    if wait is None and error.status in (429, 503):
        wait = 1.0
    return ApiError(error.status, error.code, error.message, param=error.param, retry_after_s=wait)
