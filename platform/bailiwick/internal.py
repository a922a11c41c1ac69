"""What only the cell's own network may see: /metrics. Served on the internal address, never on the public one."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from bailiwick.guard import Receive, Scope, Send, answer


async def internal_application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/metrics":
        await answer(send, 200, CONTENT_TYPE_LATEST.encode(), generate_latest())
    else:
        await answer(send, 404, b"text/plain", b"Only /metrics is here.\n")
