"""Whether a key is gone, asked of the store itself: a connection of its own and plain SQL, none of the code that destroys."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import psycopg

from cell.config import DatabaseUrl


@dataclass(frozen=True, slots=True)
class KeyTrace:
    """What is left of one data key."""

    with_material: int
    """Rows that could still be unwrapped; 0 is what an erasure needs."""
    tombstones: int
    """Rows that refuse a new key for this request."""
    server: str
    """System identifier of the cluster that answered."""
    lsn: str
    """Position in its write-ahead log when it answered."""


def trace_of(store: DatabaseUrl, workspace: UUID, request: UUID) -> KeyTrace:
    """Looks for the data key of `request`. Raises psycopg.OperationalError if the store does not answer."""
    with psycopg.connect(store.conninfo, connect_timeout=5, autocommit=True) as connection:
        row = connection.execute(
            "select count(*) filter (where wrapped is not null), count(*) filter (where wrapped is null),"
            " (select system_identifier::text from pg_control_system()), pg_current_wal_lsn()::text"
            " from keystore_data_key where id = %s and workspace_id = %s",
            [request, workspace],
        ).fetchone()
    if row is None:
        raise RuntimeError("an aggregate always has a row")
    return KeyTrace(*row)
