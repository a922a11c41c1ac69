"""Processes that hold limits together through a real Redis, which is killed and comes back."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis as redis_client

from bailiwick.embedded import redis as rd
from inference.gateway.door import INSIST_S
from inference.gateway.limits import SLICES, Limiter
from inference.gateway.shares import ANSWER_S, EVERY_S, Shares
from workspaces.contracts import ServingInfo
from workspaces.serving import CacheScope, Lane

SERVING = ServingInfo(None, CacheScope.WORKSPACE, tuple(Lane), 16, 0, 6000, 60_000, None, 100)
BURST, RATE = 1000, 100


class Redis:
    """A Redis of the test's own, to kill."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.socket = folder / "limits.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis+socket://{self.socket}"

    @property
    def client(self) -> Any:
        return redis_client.Redis(unix_socket_path=str(self.socket), decode_responses=True)

    def start(self) -> None:
        command = rd.command(self._folder, self.socket)
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        rd.wait(self.socket)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def redis() -> Iterator[Redis]:
    # A Unix socket's path may have 107 bytes, which pytest's own folders come close to.
    with tempfile.TemporaryDirectory(prefix="bw-") as folder:
        server = Redis(Path(folder))
        server.start()
        yield server
        server.kill()


@asynccontextmanager
async def _running(redis: Redis, processes: int, known: int | None = None) -> AsyncIterator[list[Shares]]:
    shares = [Shares(redis.url, 100 + number) for number in range(processes)]
    for one in shares:
        one.counted(known or processes)
    tasks = [asyncio.create_task(one.run()) for one in shares]
    try:
        yield shares
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(ended, asyncio.CancelledError), ended
        for one in shares:
            await one.close()


async def _enter(shares: Shares, limiter: Limiter) -> bool:
    """As the door does it."""
    if not limiter.listed:
        shares.watch(limiter)
    until = perf_counter() + INSIST_S
    refusal = limiter.enter(perf_counter(), realtime=True)
    while refusal is not None and perf_counter() < until and await shares.refresh(limiter, refusal):
        refusal = limiter.enter(perf_counter(), realtime=True)
    return refusal is None


async def _flood(pairs: list[tuple[Shares, Limiter]], seconds: float) -> int:
    """How many requests start when callers ask for far more than the limit, of all processes alike."""
    started, until = 0, perf_counter() + seconds
    while perf_counter() < until:
        for shares, limiter in pairs:
            for _ in range(20):
                if await _enter(shares, limiter):
                    limiter.leave(0.001)
                    started += 1
        await asyncio.sleep(0.002)
    return started


async def _until(look: Callable[[], bool], within_s: float = 5.0) -> None:
    async with asyncio.timeout(within_s):
        while not look():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_a_rate_holds_across_processes_before_during_and_after_an_outage(redis: Redis, processes: int) -> None:
    workspace = uuid4()

    async def run() -> None:
        async with _running(redis, processes) as shares:
            pairs = [(one, one.limiter(workspace, SERVING)) for one in shares]
            bound = 0 if processes == 1 else max(processes, BURST / SLICES)
            began = perf_counter()
            before = await _flood(pairs, 1.5)
            assert BURST * 0.7 <= before <= BURST + RATE * (perf_counter() - began) + bound

            redis.kill()
            killed = perf_counter()
            during = await _flood(pairs, 1.5)
            assert all(one.local for one in shares)
            assert during <= RATE * (perf_counter() - killed) + 2 * bound + RATE * ANSWER_S

            redis.start()
            await _until(lambda: not any(one.local for one in shares))
            back = perf_counter()
            after = await _flood(pairs, 1.5)
            assert after <= RATE * (perf_counter() - back) + 2 * bound + RATE
            # What was passed in between is owed: over the whole time the limit holds.
            whole = perf_counter() - began
            assert 0.7 * RATE * whole < before + during + after <= BURST + RATE * whole + 2 * bound

    asyncio.run(run())


def test_one_process_may_use_all_places_and_both_together_no_more(redis: Redis) -> None:
    workspace = uuid4()

    async def run() -> None:
        async with _running(redis, 2) as (one, other):
            mine, theirs = one.limiter(workspace, SERVING), other.limiter(workspace, SERVING)
            entered = await asyncio.gather(*[_enter(one, mine) for _ in range(40)])
            assert sum(entered) == 16
            # What it may do before it has heard of the others is all that it can do.
            assert sum([await _enter(other, theirs) for _ in range(40)]) <= 16 // (2 * SLICES)
            while theirs.in_flight:
                theirs.leave(0.1)
            for _ in range(6):
                mine.leave(0.1)
            await asyncio.sleep(2 * EVERY_S)
            entered = await asyncio.gather(*[_enter(other, theirs) for _ in range(40)])
            assert sum(entered) == 6

    asyncio.run(run())


def test_both_at_once_stay_within_the_bound(redis: Redis) -> None:
    workspace = uuid4()

    async def run() -> None:
        async with _running(redis, 4) as shares:
            pairs = [(one, one.limiter(workspace, SERVING)) for one in shares]
            await asyncio.gather(*[_enter(one, limiter) for one, limiter in pairs for _ in range(32)])
            assert 16 <= sum(limiter.in_flight for _, limiter in pairs) <= 16 + 4

    asyncio.run(run())


def test_without_redis_every_process_has_its_share_and_at_least_one(redis: Redis) -> None:
    redis.kill()
    workspace, small = uuid4(), uuid4()

    async def run() -> None:
        async with _running(redis, 4) as shares:
            pairs = [(one, one.limiter(workspace, SERVING)) for one in shares]
            for one, limiter in pairs:
                await _enter(one, limiter)
                limiter.leave(0.1)
            await _until(lambda: all(one.local for one in shares))
            entered = [await _enter(one, limiter) for one, limiter in pairs for _ in range(16)]
            assert sum(entered) == 16
            fewer = replace(SERVING, concurrency=2, requests_per_minute=60)
            assert [await _enter(one, one.limiter(small, fewer)) for one in shares for _ in range(2)] == [
                True,
                False,
            ] * 4
            # A process that is gone leaves its share to the others.
            for one, limiter in pairs[:2]:
                one.counted(2)
                assert sum([await _enter(one, limiter) for _ in range(16)]) == 4

    asyncio.run(run())


def test_what_a_dead_process_held_is_free_again(redis: Redis) -> None:
    workspace = uuid4()

    async def run() -> None:
        async with _running(redis, 2) as (one, other):
            mine, theirs = one.limiter(workspace, SERVING), other.limiter(workspace, SERVING)
            for _ in range(16):
                await _enter(one, mine)
            while await _enter(other, theirs):
                pass
            # It dies: it says nothing any more.
            one._busy.clear()
            async with asyncio.timeout(6):
                while not await _enter(other, theirs):
                    await asyncio.sleep(0.1)

    asyncio.run(run())


def test_redis_holds_counters_only_and_forgets_them(redis: Redis) -> None:
    workspace = UUID("01a215ac-69df-7568-8f18-138ba0dae512")

    async def run() -> None:
        async with _running(redis, 2) as (one, _):
            limiter = one.limiter(workspace, SERVING)
            await _enter(one, limiter)
            await _until(lambda: bool(redis.client.keys("*")))
            (key,) = redis.client.keys("*")
            assert key == f"limits:{workspace.hex}"
            assert set(redis.client.hgetall(key)) == {"at", "requests", "tokens", "p100"}
            assert 0 < redis.client.pttl(key) <= 60_000
            # Erasing it loses nothing but the count.
            redis.client.delete(key)
            assert await _enter(one, limiter)

    asyncio.run(run())


def test_nobody_is_asked_while_nothing_is_in_use(redis: Redis) -> None:
    async def run() -> None:
        async with _running(redis, 2):
            before = redis.client.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]
            await asyncio.sleep(3 * EVERY_S)
            after = redis.client.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]
            assert (before, after) == (0, 0)

    asyncio.run(run())
