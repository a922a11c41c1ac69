"""What tests of a running engine ask of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from inference.engine.client import EngineClient
from inference.engine.protocol import Delta, Generate, Generated, Sampling, Stats
from inference.engine.stats import StatsReport, TrialStats
from tests.inference.engine.conftest import EngineProcess

CANARY = "CANARY-7f3a9"


def generate(
    prompt: str = "the quick brown fox", *, model: str = "endless", stream: bool = True, **sampling: object
) -> Generate:
    options = {"max_tokens": 24, "temperature": 0.0, **sampling}
    return Generate("req", "ws", model, prompt=prompt, stream=stream, sampling=Sampling(**options))  # type: ignore[arg-type]


async def read(client: EngineClient, request: Generate) -> tuple[list[Delta], Generated]:
    deltas: list[Delta] = []
    async with client.stream(request) as stream:
        async for piece in stream:
            deltas += piece
    assert isinstance(stream.result, Generated)
    return deltas, stream.result


async def whole(client: EngineClient, request: Generate) -> Generated:
    result = await client.call(request)
    assert isinstance(result, Generated)
    return result


async def stats(client: EngineClient) -> StatsReport:
    result = await client.call(Stats())
    assert isinstance(result, StatsReport)
    return result


async def until_idle(client: EngineClient) -> StatsReport:
    for _ in range(200):
        report = await stats(client)
        if report.running == 0 and report.waiting == 0:
            return report
        await asyncio.sleep(0.05)
    pytest.fail("the engine still runs something")


async def tried(
    client: EngineClient,
    ask: Callable[[int], Awaitable[object]],
    condition: Callable[[TrialStats], bool],
    within_s: float = 30.0,
) -> TrialStats:
    """Asks with one number after another, four at once, until the trial of the only canary is so."""
    began, number = time.monotonic(), 0
    while True:
        await asyncio.gather(*(ask(number + each) for each in range(4)))
        number += 4
        [seen] = (await stats(client)).trials
        if condition(seen):
            return seen
        assert time.monotonic() - began < within_s, seen


def with_client(engine: EngineProcess, work: Callable[[EngineClient], object]) -> None:
    async def run() -> None:
        client = EngineClient(engine.socket)
        try:
            await work(client)  # type: ignore[misc]
        finally:
            await client.close()

    asyncio.run(asyncio.wait_for(run(), 60))


def text_of(deltas: list[Delta], index: int = 0) -> str:
    return "".join(delta.text for delta in deltas if delta.index == index)
