"""The load of `test_overload`, in a process of its own: the gateway it asks runs in the test's."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx

TOKENS = 48
REALTIME_SHARE = 0.05


@dataclass(slots=True)
class Seen:
    statuses: Counter[tuple[int, str]] = field(default_factory=Counter)
    without_retry_after: int = 0
    realtime_first_s: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)


async def ask(client: httpx.AsyncClient, key: str, lane: str, seen: Seen) -> None:
    body = {
        "model": "endless",
        "messages": [{"role": "user", "content": "go on"}],
        "max_tokens": TOKENS,
        "stream": True,
    }
    headers = {"Authorization": f"Bearer {key}", "x-bailiwick-lane": lane}
    began = time.perf_counter()
    async with client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as response:
        code = ""
        if response.status_code == 200:
            first = True
            async for line in response.aiter_lines():
                if first and '"content"' in line:
                    first = False
                    if lane == "realtime":
                        seen.realtime_first_s.append(time.perf_counter() - began)
                if '"error"' in line:
                    code = "error in stream"
        else:
            code = (await response.aread()).decode()
            code = httpx.Response(200, text=code).json()["error"]["code"]
            seen.without_retry_after += "retry-after" not in response.headers
        seen.statuses[response.status_code, code] += 1


async def capacity(client: httpx.AsyncClient, keys: list[str]) -> float:
    """Requests a second that are answered when as many run as can."""
    seen = Seen()
    until = time.perf_counter() + 5.0

    async def loop(key: str) -> None:
        while time.perf_counter() < until:
            await ask(client, key, "standard", seen)

    await asyncio.gather(*(loop(keys[i % len(keys)]) for i in range(14)))
    return sum(count for (status, _), count in seen.statuses.items() if status == 200) / 5.0


async def run(url: str, keys: list[str], seconds: float, engine_pid: int) -> tuple[float, Seen]:
    limits = httpx.Limits(max_connections=400, max_keepalive_connections=400)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
        able = await capacity(client, keys)
        seen = Seen()
        draw = random.Random(1)
        began = time.perf_counter()
        due, tasks = began, []
        while due < began + seconds:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            lane = "realtime" if draw.random() < REALTIME_SHARE else draw.choice(("standard", "standard", "batch"))
            tasks.append(asyncio.ensure_future(ask(client, draw.choice(keys), lane, seen)))
            due += draw.expovariate(3 * able)
            if len(tasks) % 50 == 0:
                seen.memory_mb.append(resident_mb(engine_pid))
        await asyncio.gather(*tasks)
        return able, seen


def drive(url: str, keys: list[str], seconds: float, engine_pid: int) -> tuple[float, Seen]:
    """Requests a second that the engine is able to, and what three times as many in `seconds` saw."""
    return asyncio.run(run(url, keys, seconds, engine_pid))


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
