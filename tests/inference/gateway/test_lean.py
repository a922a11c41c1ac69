"""What a call may not cost, a thread or a query of Django's, and what a process without a collector may not hold."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import Any

import pytest
from django.db.backends.utils import CursorWrapper

from cell.config import config
from inference.gateway.app import Application
from tests.factories import Organization
from tests.inference.gateway.scripted import CHAT, ScriptedEngine
from workspaces.services import serving_update

REQUESTS = 1000
AT_ONCE = 20


def test_a_thousand_requests_start_no_thread_and_ask_django_for_nothing(
    organization: Organization, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any
) -> None:
    with django_db_blocker.unblock():
        limits = {"requests_per_minute": 1_000_000, "tokens_per_minute": 1_000_000_000}
        serving_update(actor=organization.owner, workspace=organization.workspace, changes=limits)
    started: list[str] = []
    queries: list[str] = []
    start, execute = threading.Thread.start, CursorWrapper.execute

    def counted_start(self: threading.Thread) -> None:
        started.append(self.name)
        start(self)

    def counted_execute(self: CursorWrapper, sql: Any, params: Any = None) -> Any:
        queries.append(str(sql))
        return execute(self, sql, params)

    monkeypatch.setattr(threading.Thread, "start", counted_start)
    monkeypatch.setattr(CursorWrapper, "execute", counted_execute)
    # Every third request streams, every text holds something to redact and restore
    statuses = asyncio.run(_ask(organization.api_key))
    assert statuses == [200] * REQUESTS
    assert started == []
    assert queries == []


def test_a_web_process_holds_none_of_opentelemetry_nor_torch() -> None:
    program = "import sys, bailiwick.asgi; print([m for m in sys.modules if m.partition('.')[0] in sys.argv[1:]])"
    unwanted = ["opentelemetry", "requests", "google", "torch"]
    done = subprocess.run([sys.executable, "-c", program, *unwanted], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def _ask(token: str) -> list[int]:
    config().engine_socket.unlink(missing_ok=True)
    engine = ScriptedEngine()
    server = await asyncio.get_running_loop().create_unix_server(engine.connect, str(config().engine_socket))
    application = Application()
    await application.startup()
    try:
        await _one(application, token, stream=False)
        statuses: list[int] = []
        for first in range(0, REQUESTS, AT_ONCE):
            batch = [_one(application, token, stream=number % 3 == 0) for number in range(first, first + AT_ONCE)]
            statuses += await asyncio.gather(*batch)
        return statuses
    finally:
        await application.shutdown()
        server.close()


async def _one(application: Application, token: str, *, stream: bool) -> int:
    flag = b"true" if stream else b"false"
    content = b"Write to anna@example.com"
    body = b'{"model":"%b","stream":%b,"messages":[{"role":"user","content":"%b"}]}' % (CHAT.encode(), flag, content)
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "client": ("127.0.0.1", 1),
        "headers": [(b"authorization", f"Bearer {token}".encode())],
    }
    sent = [{"type": "http.request", "body": body}]
    answered: list[Any] = []

    async def receive() -> Any:
        return sent.pop() if sent else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        answered.append(message)

    await application(scope, receive, send)
    return int(answered[0]["status"])
