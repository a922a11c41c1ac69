"""`make chaos`: kill -9 of every process of a cell in turn, under load, and nothing acknowledged is lost.

Acknowledged means that the caller has read the last byte of a 200. For each such request both its entries and its record must
be there; and whatever happened, no request ends twice or never.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from bailiwick.tour.client import Client
from tests.chaos.victims import BACK_WITHIN_S, pid_of, wait_until_replaced
from tests.e2e.conftest import RunningCell
from tests.e2e.conftest import cell as cell  # the fixture
from tests.e2e.inside import Inside

pytestmark = pytest.mark.chaos
KILLS = int(os.environ.get("CHAOS_KILLS", "50"))
VICTIMS = ("web", "engine", "worker", "postgres", "redis")
CALLERS = 6


@dataclass
class Load:
    """Callers that never stop, half of them streaming; what each was told is remembered."""

    cell: RunningCell
    acknowledged: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self._threads = [
            threading.Thread(target=self._call_again, args=(number % 2 == 0,)) for number in range(CALLERS)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _call_again(self, stream: bool) -> None:
        while not self._stop.is_set():
            try:
                self.acknowledged.append(call(self.cell, stream=stream))
            except (OSError, http.client.HTTPException, Refused) as error:
                self.refused[type(error).__name__ if not isinstance(error, Refused) else str(error)] += 1
                time.sleep(0.1)


class Refused(Exception):
    """An answer that acknowledges nothing: an error status, or a stream that ended with an error or too early."""


def call(cell: RunningCell, *, stream: bool) -> str:
    """One chat call, read to its last byte; returns its request id."""
    address = urlsplit(cell.base_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
    message = {"role": "user", "content": "Please write to dora@example.org about the invoice."}
    body = {"model": cell.info["models"]["chat"], "messages": [message], "max_tokens": 12, "stream": stream}
    headers = {"Authorization": f"Bearer {cell.api_key}", "Content-Type": "application/json"}
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise Refused(str(response.status))
    if stream and not content.endswith(b"data: [DONE]\n\n"):
        raise Refused("stream cut")
    return str(response.headers["x-request-id"])


def raise_limits(cell: RunningCell) -> None:
    """So that a refusal under this load is a fault of the cell and never the workspace's own limit."""
    admin = Client(cell.base_url, cell.admin_key)
    path = f"/api/workspaces/{cell.info['workspace']}/serving-policy"
    seen = admin.call("GET", path)
    limits = {"requests_per_minute": 100_000, "tokens_per_minute": 100_000_000, "concurrency": 100}
    admin.call("PATCH", path, limits, If_Match=seen.headers["etag"])


def wait_until_it_serves(cell: RunningCell, within_s: float) -> float:
    began = time.monotonic()
    while True:
        try:
            call(cell, stream=False)
            return time.monotonic() - began
        except (OSError, http.client.HTTPException, Refused):
            if time.monotonic() - began > within_s:
                raise
            time.sleep(0.1)


@pytest.mark.timeout(3600)
def test_nothing_acknowledged_is_lost_and_every_request_ends_once(cell: RunningCell):
    raise_limits(cell)
    load = Load(cell)
    load.start()
    times: dict[str, list[float]] = {name: [] for name in VICTIMS}
    try:
        for number in range(KILLS):
            victim = VICTIMS[number % len(VICTIMS)]
            time.sleep(0.5)
            pid = pid_of(cell, victim)
            os.kill(pid, signal.SIGKILL)
            times[victim].append(wait_until_it_serves(cell, BACK_WITHIN_S))
            wait_until_replaced(cell, victim, pid)
    finally:
        load.stop()
    sys.stderr.write(f"\n{len(load.acknowledged)} acknowledged, refused: {dict(load.refused)}\n")
    sys.stderr.write(
        f"{ {name: round(max(seconds), 1) for name, seconds in times.items()} } seconds at most until served\n"
    )

    inside = Inside(cell.home)
    wait_until_every_intent_ended(inside)
    endings = Counter(request for (request,) in inside.rows("select id from gateway_request"))
    acknowledged = [UUID(hex=request.rsplit("_", 1)[1]) for request in load.acknowledged]
    completed = {request for (request,) in inside.rows("select id from gateway_request where http_status = 200")}
    intents = {request for (request,) in inside.rows("select id from audit_entry where kind = 1")}
    outcomes = inside.rows("select count(*) from audit_entry where kind = 2")[0][0]

    assert len(acknowledged) > KILLS
    assert not set(acknowledged) - intents
    assert not set(acknowledged) - completed
    assert set(endings) == intents
    assert outcomes == len(intents)
    wait_until_sealed(inside)
    gaps = inside.rows("select tree from audit_entry group by tree having count(*) <> max(seq) + 1 or min(seq) <> 0")
    assert gaps == []


def wait_until_every_intent_ended(inside: Inside) -> None:
    query = "select count(*) from audit_entry e where kind = 1 and not exists (select 1 from gateway_request r where r.id = e.id)"
    deadline = time.monotonic() + 120
    while (open_requests := inside.rows(query)[0][0]) and time.monotonic() < deadline:
        time.sleep(1)
    assert open_requests == 0


def wait_until_sealed(inside: Inside) -> None:
    deadline = time.monotonic() + 60
    while (
        unsealed := inside.rows("select count(*) from audit_entry where seq is null")[0][0]
    ) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert unsealed <= 5  # what was written in the last second
