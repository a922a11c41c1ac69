"""What only the cell's own network may see: /metrics. Served on the internal address, never on the public one."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from audit.lateness import audit_metrics
from bailiwick.guard import Receive, Scope, Send, answer
from cell.config import config
from inference.engine.client import EngineClient
from inference.gateway.engine_metrics import engine_metrics


async def internal_application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/metrics":
        client = EngineClient(config().engine_socket)
        try:
            engine = await engine_metrics(client)
        finally:
            await client.close()
        await answer(send, 200, CONTENT_TYPE_LATEST.encode(), generate_latest() + engine + await audit_metrics())
    else:
        await answer(send, 404, b"text/plain", b"Only /metrics is here.\n")
