"""How far witnesses are behind: for /metrics, whose process sees no tenant, and for a word in the log."""

from __future__ import annotations

from typing import Any, NamedTuple

import psycopg
from django.db import connection
from prometheus_client import CollectorRegistry, Gauge

from cell.witness_key import WitnessKey

LATE_S = 1800.0
"""A checkpoint of the cell that a witness has not co-signed for so long is for somebody to look at; usually it takes
`BAILIWICK_WITNESS_S`."""

_CELL = "select vkey, lag_seconds, refusing from audit_cell_witnesses()"
_WORKSPACES = "select named, failing, refusing from audit_workspace_witnesses()"


class Standing(NamedTuple):
    """One of the cell's witnesses."""

    name: str
    lag_s: float
    """Age of the oldest checkpoint after the last that it co-signed, of the tree in which it is further behind; 0 if none is."""
    refusing: bool


def standings() -> list[Standing]:
    with connection.cursor() as cursor:
        cursor.execute(_CELL)
        return [_standing(row) for row in cursor.fetchall()]


async def add_figures(asked: psycopg.AsyncConnection[Any], registry: CollectorRegistry) -> None:
    """Raises psycopg.Error."""
    lag = Gauge(
        "bailiwick_audit_witness_lag_seconds",
        "Age of the oldest checkpoint of the cell that the witness has not co-signed, or 0",
        ["witness"],
        registry=registry,
    )
    refusing = Gauge(
        "bailiwick_audit_witness_refusing",
        "1 while the witness says that a log of the cell was rewritten",
        ["witness"],
        registry=registry,
    )
    for row in await (await asked.execute(_CELL)).fetchall():
        standing = _standing(row)
        lag.labels(standing.name).set(standing.lag_s)
        refusing.labels(standing.name).set(standing.refusing)
    workspaces = Gauge(
        "bailiwick_audit_workspace_witnesses",
        "Witnesses that workspaces name: all, those that do not answer, those that say that the log was rewritten",
        ["state"],
        registry=registry,
    )
    row = await (await asked.execute(_WORKSPACES)).fetchone()
    for state, count in zip(("named", "failing", "refusing"), row or (0, 0, 0), strict=True):
        workspaces.labels(state).set(count)


def _standing(row: tuple[Any, ...]) -> Standing:
    vkey, lag_s, refusing = row
    return Standing(WitnessKey.parse(vkey).name, float(lag_s), bool(refusing))
