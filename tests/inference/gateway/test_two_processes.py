"""Two web processes as they run in production, and a Redis that is killed and comes back under load."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from bailiwick.embedded.cluster import ROOT
from inference.gateway.limits import BURST, SLICES
from tests.factories import Organization, make_key, make_workspace
from tests.inference.gateway.scripted import EMBEDDING, listening
from tests.inference.gateway.test_shares import Redis
from workspaces.services import serving_update

PER_MINUTE = 1200
ALL_AT_ONCE, RATE = PER_MINUTE // BURST, PER_MINUTE / 60
OVER = max(2, ALL_AT_ONCE / SLICES)


@pytest.fixture
def redis() -> Iterator[Redis]:
    with tempfile.TemporaryDirectory(prefix="bw-") as folder:
        server = Redis(Path(folder))
        server.start()
        yield server
        server.kill()


@contextmanager
def _web(redis: Redis, engine: Path) -> Iterator[tuple[str, str]]:
    """A web process; gives its address and that of its metrics."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    for one in sockets:
        one.set_inheritable(True)
    environ = {**os.environ, "BAILIWICK_REDIS_URL": redis.url, "BAILIWICK_ENGINE_SOCKET": str(engine)}
    environ["PYTHONPATH"] = f"{ROOT}:{ROOT / 'platform'}"
    files = [one.fileno() for one in sockets]
    command = [sys.executable, "-m", "bailiwick.server", "--fd", str(files[0]), "--internal-fd", str(files[1])]
    process = subprocess.Popen(command, env=environ, cwd=ROOT, pass_fds=files)
    public, internal = (f"http://127.0.0.1:{one.getsockname()[1]}" for one in sockets)
    for one in sockets:
        one.close()
    try:
        _wait(public, process)
        yield public, internal
    finally:
        process.terminate()
        process.wait(20)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/readyz", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise AssertionError("the web process does not serve")


async def _flood(urls: list[str], token: str, seconds: float) -> int:
    """How many of far too many requests, sent to all alike, were answered with 200; the others are 429."""
    until, started = time.monotonic() + seconds, 0
    body = {"model": EMBEDDING, "input": "a"}

    async def call(client: httpx.AsyncClient) -> None:
        nonlocal started
        while time.monotonic() < until:
            response = await client.post("/v1/embeddings", json=body)
            assert response.status_code in (200, 429), response.text
            started += response.status_code == 200
            if response.status_code == 429:
                assert int(response.headers["retry-after"]) >= 1
                await asyncio.sleep(0.02)

    headers = {"Authorization": f"Bearer {token}"}
    async with asyncio.TaskGroup() as group:
        for url in urls:
            client = httpx.AsyncClient(base_url=url, headers=headers, timeout=20)
            for _ in range(4):
                group.create_task(call(client))
    return started


@pytest.mark.timeout(180)
def test_limits_hold_before_during_and_after_an_outage_of_redis(
    organization: Organization, django_db_blocker: Any, redis: Redis
) -> None:
    with django_db_blocker.unblock():
        workspace = make_workspace(organization)
        token = make_key(organization, workspace).token
        serving_update(actor=organization.owner, workspace=workspace, changes={"requests_per_minute": PER_MINUTE})
    path = redis.socket.with_name("engine.sock")
    with listening(path), _web(redis, path) as (one, metrics), _web(redis, path) as (two, _):
        # The first process hears of the second with its next sign of life.
        time.sleep(2.5)
        urls, began = [one, two], time.monotonic()
        before = asyncio.run(_flood(urls, token, 3))
        assert ALL_AT_ONCE * 0.8 <= before <= ALL_AT_ONCE + RATE * (time.monotonic() - began) + OVER

        redis.kill()
        killed = time.monotonic()
        during = asyncio.run(_flood(urls, token, 3))
        assert "gateway_limits_local 1.0" in httpx.get(f"{metrics}/metrics").text
        assert 0 < during <= RATE * (time.monotonic() - killed) + 2 * OVER

        redis.start()
        back = time.monotonic()
        after = asyncio.run(_flood(urls, token, 3))
        assert "gateway_limits_local 0.0" in httpx.get(f"{metrics}/metrics").text
        assert 0 < after <= RATE * (time.monotonic() - back) + 2 * OVER
        whole = RATE * (time.monotonic() - began)
        assert before + during + after <= ALL_AT_ONCE + whole + 2 * OVER
