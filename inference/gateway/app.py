"""The gateway of a web process, made from the process's configuration when its server starts.

`application` is what `bailiwick.asgi` hands every request below `/v1`; the server's lifespan calls `startup` and `shutdown`.
"""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit.groupcommit import GroupCommit
from cell.config import CellConfig, config
from cell.keys import cell_keys
from cell.keystore.ring import KeyRing
from cell.pseudonyms import subject_key
from cell.regions import UnknownCell
from cell.telemetry import get_logger
from inference.engine.client import EngineClient
from inference.gateway.door import Door
from inference.gateway.errors import ApiError
from inference.gateway.gateway import Gateway, Limits
from inference.gateway.grants import Grants
from inference.gateway.http import Receive, Scope, Send, send_error
from inference.gateway.listener import ChangeListener
from inference.gateway.parts import Parts, Redaction
from inference.gateway.processes import new_tag
from inference.gateway.records import REQUEST_ROWS
from inference.gateway.redaction_policies import redaction_key
from inference.gateway.redactors import Redactors
from inference.gateway.resolver import KeyResolver
from inference.gateway.shares import Shares
from inference.gateway.spans import Spans
from inference.redaction import Redactor
from retention.vault import PAYLOADS, Vault
from workspaces.regions import directory
from workspaces.tokens import PEPPER_PURPOSE

if TYPE_CHECKING:
    from cell.traces import Traces

log = get_logger(__name__)


@dataclass(slots=True)
class _Running:
    """What `startup` made and `shutdown` ends."""

    gateway: Gateway
    engine: EngineClient
    audit: GroupCommit
    redactors: Redactors
    resolver: KeyResolver
    vault: Vault
    shares: Shares
    traces: Traces | None
    listener: ChangeListener
    listening: asyncio.Task[None]
    sharing: asyncio.Task[None]


class Application:
    """ASGI application for `/v1`; answers 503 until it is started."""

    def __init__(self, redactor: Redaction | None = None) -> None:
        """`redactor` replaces personal data for workspaces that decided nothing about it; without one, everything that
        `Redactor` finds is replaced."""
        self._redactor = redactor or Redactor()
        self._running: _Running | None = None

    async def startup(self) -> None:
        """Connects to the database; the engine may come later. Raises psycopg.OperationalError without a database."""
        cell = config()
        tag = new_tag()
        audit = GroupCommit(cell.database.conninfo, limit=cell.audit_queue_limit, extra=[REQUEST_ROWS, PAYLOADS])
        await audit.start()
        engine = EngineClient(cell.engine_socket)
        vault = Vault(KeyRing(cell.keystore_database.conninfo, cell_keys()))
        # The patterns are compiled now and not while the first caller waits.
        self._redactor.redact_texts([""])
        redactors = Redactors(cell.database.conninfo, self._redactor, redaction_key)
        shares = Shares(cell.redis_url, tag)
        resolver = _resolver(cell, shares)
        grants = Grants(resolver.resolve)
        listener = ChangeListener(cell.database.conninfo, grants, tag, shares.counted)
        await listener.arrive()
        listening = asyncio.create_task(listener.run(), name="gateway-changes")
        sharing = asyncio.create_task(shares.run(), name="gateway-limits")
        traces = _traces(cell, tag)
        gateway = Gateway(
            cell=cell.cell,
            process_tag=tag,
            parts=Parts(
                engine=engine,
                audit=audit,
                audit_limit=cell.audit_queue_limit,
                redactors=redactors,
                vault=vault,
                spans=None if traces is None else Spans(traces),
            ),
            grants=grants,
            door=Door(shares, cell.concurrency),
            limits=Limits(cell.body_limit_bytes, cell.trusted_proxies),
        )
        self._running = _Running(
            gateway, engine, audit, redactors, resolver, vault, shares, traces, listener, listening, sharing
        )
        _spare_the_collector()
        log.info("gateway.started", process=tag)

    async def shutdown(self) -> None:
        """Writes what is still to be written, then lets go of everything."""
        running, self._running = self._running, None
        if running is None:
            return
        running.listening.cancel()
        running.sharing.cancel()
        await running.audit.stop()
        await running.listener.depart()
        await running.shares.close()
        await running.engine.close()
        await running.resolver.close()
        running.redactors.close()
        await running.vault.close()
        if running.traces is not None:
            await asyncio.to_thread(running.traces.close)

    @property
    def paths(self) -> frozenset[str]:
        """What is served below `/v1`; nothing before it is started."""
        return frozenset() if self._running is None else self._running.gateway.paths

    @property
    def ready(self) -> bool:
        """Whether requests can be recorded, and so answered, now: for /readyz."""
        return self._running is not None and self._running.audit.available

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._running is None:
            error = ApiError(503, "starting", "The cell is starting or stopping. Retry.", retry_after_s=2)
            await send_error(send, error, [])
            return
        await self._running.gateway(scope, receive, send)


def _spare_the_collector() -> None:
    """What start-up made stays for the life of the process, and what a request makes is freed by counting: looking for
    cycles through all of it every few hundred requests would cost each of them a sixth of its time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _traces(cell: CellConfig, tag: int) -> Traces | None:
    if cell.otlp_endpoint is None:
        return None
    # Here and not above: a process that has no collector does without 9 MB of OpenTelemetry.
    from cell.traces import Traces

    resource = {"service.name": "bailiwick", "service.instance.id": f"{cell.cell}-{tag}", "cloud.region": cell.region}
    return Traces(endpoint=cell.otlp_endpoint, ratio=cell.trace_ratio, resource=resource)


def _resolver(cell: CellConfig, shares: Shares) -> KeyResolver:
    keys = cell_keys()
    return KeyResolver(
        cell.database.conninfo,
        cell=cell.cell,
        pepper=keys.derive(PEPPER_PURPOSE),
        pseudonym_key=subject_key,
        url_of_cell=_url_of_cell,
        limiter=shares.limiter,
    )


def _url_of_cell(code: str) -> str | None:
    try:
        return directory().url_for(code)
    except UnknownCell:
        return None


application = Application()
