"""Lets all web processes hold a workspace's limits together, through Redis and off the path of every request.

Ten times a second, and only for workspaces that are in use, a process says in one script what it spent and how many requests it
runs, and hears what all of them have left (`inference.gateway.limits` says how far they can go in between). A request that is
about to be refused waits for one more such word, if the last one is old enough to have changed.

When Redis is away every process goes on with its share: the limit divided by the number of processes, which PostgreSQL knows. It
says so once in the log and in `gateway_limits_local`.

In Redis there is one hash for each workspace, `limits:<the workspace's number>`, of counters and process tags: nothing about a
person. It is gone a minute after it was last used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice
from time import perf_counter
from uuid import UUID

import redis
import redis.asyncio

from cell.telemetry import get_logger
from inference.gateway.limits import SLICES, Limiter, Refusal
from inference.gateway.metrics import METRICS
from workspaces.contracts import ServingInfo

EVERY_S = 0.1
ASK_AGAIN_S = 0.02
"""Word that is younger does not get better by asking."""
ANSWER_S = 0.25
RETRY_S = 0.5
IDLE_S = 10.0
"""A workspace that was not used for so long is left out until it is used again."""
AT_ONCE = 256
"""Workspaces in one script, so that no other client of Redis waits long."""
KEEP_MS = 60_000
"""Longer than the emptiest bucket takes to be full."""
GONE_MS = 3_000
"""Requests of a process that said nothing for so long are not counted: it is dead, or will refuse by its share."""

log = get_logger(__name__)

SCRIPT = f"""
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local me = 'p' .. ARGV[1]
local out = {{}}
for i, key in ipairs(KEYS) do
    local at, requests, tokens
    local elsewhere = 0
    local fields = redis.call('HGETALL', key)
    for f = 1, #fields, 2 do
        local name, value = fields[f], fields[f + 1]
        if name == 'at' then at = tonumber(value)
        elseif name == 'requests' then requests = tonumber(value)
        elseif name == 'tokens' then tokens = tonumber(value)
        elseif name ~= me then
            local running, seen = string.match(value, '^(%d+):(%d+)$')
            if now - tonumber(seen) < {GONE_MS} then elsewhere = elsewhere + tonumber(running)
            else redis.call('HDEL', key, name) end
        end
    end
    local first = 9 * (i - 1) + 2
    local function level(old, offset)
        local a = first + offset
        local per_ms, burst = tonumber(ARGV[a]), tonumber(ARGV[a + 1])
        if not old then return math.min(burst, tonumber(ARGV[a + 3])) end
        local filled = math.min(burst, old + math.max(0, now - at) * per_ms)
        return math.min(burst, filled - tonumber(ARGV[a + 2]))
    end
    requests, tokens = level(requests, 0), level(tokens, 4)
    redis.call('HSET', key, 'at', now, 'requests', tostring(requests), 'tokens', tostring(tokens))
    local running = ARGV[first + 8]
    if running == '0' then redis.call('HDEL', key, me)
    else redis.call('HSET', key, me, running .. ':' .. string.format('%.0f', now)) end
    redis.call('PEXPIRE', key, {KEEP_MS})
    out[#out + 1] = {{tostring(requests), tostring(tokens), elsewhere}}
end
return out
"""
"""For each key, what is left of both rates, and requests running in other processes. ARGV: this process, then for each key
rate per ms, burst, spent and (where Redis knows nothing) what is left, of requests and of tokens, and requests running here."""


class Shares:
    """The limiters of this process. Belongs to one event loop; `run` keeps them in step until it is cancelled."""

    def __init__(self, url: str, process_tag: int) -> None:
        """`url` is a Redis URL as the configuration has it."""
        # Celery writes redis+socket://…?virtual_host= for what redis-py calls unix://…?db=.
        url = url.replace("redis+socket://", "unix://", 1).replace("virtual_host=", "db=", 1)
        # No timeout of the client's own: it uses asyncio.wait_for, which before Python 3.12 can lose a cancellation.
        self._redis = redis.asyncio.Redis.from_url(url, socket_timeout=None, max_connections=1)
        self._script = self._redis.register_script(SCRIPT)
        self._process_tag = process_tag
        self._processes = 1
        self._limiters: dict[UUID, Limiter] = {}
        self._busy: list[Limiter] = []
        self._local = False
        self._wake = asyncio.Event()
        self._round: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the next word has come, or has not."""

    def limiter(self, workspace: UUID, serving: ServingInfo) -> Limiter:
        """The workspace's one limiter: it outlives grants, so that a new key or a changed limit gives nothing back."""
        limiter = self._limiters.get(workspace)
        if limiter is None:
            limiter = self._limiters[workspace] = Limiter(workspace, serving, self._parts, perf_counter())
        limiter.configure(serving, self._parts)
        return limiter

    def counted(self, processes: int) -> None:
        """There are so many web processes, this one included."""
        if processes != self._processes:
            self._processes = processes
            if self._local:
                self._split()

    @property
    def local(self) -> bool:
        """Whether each process goes by its share, because nobody can be asked."""
        return self._local

    @property
    def _parts(self) -> int:
        """What part of what is left a process may spend before it hears of the others."""
        return self._processes if self._local or self._processes <= 1 else self._processes * SLICES

    def watch(self, limiter: Limiter) -> None:
        """The limiter is in use: it is kept in step from now on."""
        limiter.listed = True
        self._busy.append(limiter)
        self._wake.set()

    async def refresh(self, limiter: Limiter, refusal: Refusal) -> bool:
        """Waits for one word about the other processes. False if it would say what is known: that there is no room."""
        if self._local or self._processes <= 1:
            return False
        if limiter.knows_others and not refusal.room and perf_counter() - limiter.refreshed_at < ASK_AGAIN_S:
            return False
        if not limiter.listed:
            self.watch(limiter)
        self._wake.set()
        await asyncio.wait([self._round], timeout=ANSWER_S)
        return True

    async def run(self) -> None:
        while True:
            await self._pause()
            self._wake.clear()
            self._forget_idle()
            await self._ask()
            done, self._round = self._round, asyncio.get_running_loop().create_future()
            done.set_result(None)

    async def close(self) -> None:
        await self._redis.aclose()

    async def _pause(self) -> None:
        """Until it is time again: sooner when somebody waits for it, not at all while nothing is in use."""
        if not self._busy:
            await self._wake.wait()
        elif self._local:
            await asyncio.sleep(RETRY_S)
        else:
            try:
                async with asyncio.timeout(EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                return

    def _forget_idle(self) -> None:
        now = perf_counter()
        busy = []
        for limiter in self._busy:
            if limiter.in_flight or limiter.requests.spent or limiter.tokens.spent or now - limiter.used_at < IDLE_S:
                busy.append(limiter)
            else:
                limiter.listed = False
        self._busy = busy

    async def _ask(self) -> None:
        for limiters in _batches(self._busy):
            reports = [_Report(limiter, perf_counter()) for limiter in limiters]
            keys = [f"limits:{limiter.workspace.hex}" for limiter in limiters]
            arguments = [value for report in reports for value in report.arguments]
            try:
                async with asyncio.timeout(ANSWER_S):
                    answers = await self._script(keys, [self._process_tag, *arguments])
            except (redis.RedisError, OSError, TimeoutError) as error:
                for report in reports:
                    report.undo()
                self._lost(error)
                return
            self._found()
            now = perf_counter()
            for report, (requests, tokens, elsewhere) in zip(reports, answers, strict=True):
                report.limiter.share(float(requests), float(tokens), elsewhere, report.running, self._parts, now)

    def _lost(self, error: Exception) -> None:
        if not self._local:
            self._local = True
            METRICS.limits_local = 1
            log.warning("gateway.limits.local", code=type(error).__name__, count=self._processes)
            self._split()

    def _found(self) -> None:
        if self._local:
            self._local = False
            METRICS.limits_local = 0
            log.info("gateway.limits.shared", count=self._processes)
            self._split()

    def _split(self) -> None:
        now = perf_counter()
        for limiter in self._limiters.values():
            limiter.split(self._parts, now)


class _Report:
    """What one limiter says of itself; it counts as said unless `undo` is called."""

    __slots__ = ("_spent", "arguments", "limiter", "running")

    def __init__(self, limiter: Limiter, now: float) -> None:
        self.limiter = limiter
        self.running = limiter.in_flight
        self.arguments: list[float | int] = []
        self._spent = (limiter.requests.spent, limiter.tokens.spent)
        for bucket in (limiter.requests, limiter.tokens):
            # After a time alone only what is still missing counts: the rest has long been refilled.
            spent = bucket.spent if limiter.knows_others else min(bucket.spent, bucket.missing(now))
            self.arguments += [bucket.per_minute / 60_000, bucket.burst, spent, bucket.whole(now)]
            bucket.spent = 0.0
        self.arguments.append(self.running)

    def undo(self) -> None:
        for bucket, spent in zip((self.limiter.requests, self.limiter.tokens), self._spent, strict=True):
            bucket.spent += spent


def _batches(limiters: Sequence[Limiter]) -> Iterator[list[Limiter]]:
    left = iter(list(limiters))
    while batch := list(islice(left, AT_ONCE)):
        yield batch
