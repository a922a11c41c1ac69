"""How far sealing is behind: the age of the oldest entry that has no number yet; and, for /metrics, how far witnesses are."""

from __future__ import annotations

import asyncio

import psycopg
from django.db import connection
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from audit.cosigning.lateness import add_figures
from cell.config import config

LATE_S = 60.0
"""Beyond this age of the oldest unsealed entry somebody has to look: it is usually under two seconds."""
_ANSWER_S = 2

_ASK = "select audit_oldest_unsealed_seconds()"


def oldest_unsealed_seconds() -> float:
    """Age of the oldest unsealed entry of any tree in seconds; 0 when everything is sealed."""
    with connection.cursor() as cursor:
        cursor.execute(_ASK)
        row = cursor.fetchone()
    return 0.0 if row is None else float(row[0])


async def audit_metrics() -> bytes:
    """What /metrics says about the log, in Prometheus' text format. Nothing while the database does not answer: an alert on
    the figure's absence is one on that, too."""
    registry = CollectorRegistry()
    try:
        await asyncio.wait_for(_ask(registry), 2 * _ANSWER_S)
    except (psycopg.Error, OSError, TimeoutError):
        return b""
    return generate_latest(registry)


async def _ask(registry: CollectorRegistry) -> None:
    """Over a connection of its own: /metrics is asked every few seconds at most, and Django's are not for an event loop."""
    conninfo = config().database.conninfo
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True, connect_timeout=_ANSWER_S) as asked:
        row = await (await asked.execute(_ASK)).fetchone()
        name, meaning = (
            "bailiwick_audit_oldest_unsealed_seconds",
            "Age of the oldest audit entry that is not sealed, or 0",
        )
        Gauge(name, meaning, registry=registry).set(0.0 if row is None else float(row[0]))
        await add_figures(asked, registry)
