"""Whether keys are gone, asked of the store itself: plain SQL on a connection of its own, as the auditor, who destroys nothing and
sees no key.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from cell.auditing import auditing
from cell.database_url import DatabaseUrl

_WHERE_AND_WHO = (
    "(select system_identifier::text from pg_control_system()), pg_current_wal_lsn()::text, current_user::text"
)


@dataclass(frozen=True, slots=True)
class KeyTrace:
    """What is left of one data key, or of all keys of a workspace."""

    with_material: int
    """Keys that could still be unwrapped; 0 is what an erasure needs."""
    tombstones: int
    """Rows that refuse a new key in the place of the one they had."""
    server: str
    """System identifier of the cluster that answered."""
    lsn: str
    """Position in its write-ahead log when it answered."""
    role: str
    """As whom it was asked."""


def trace_of(store: DatabaseUrl, workspace: UUID, *requests: UUID) -> KeyTrace:
    """Looks for the data keys of `requests`, as the auditor of `store`. Raises psycopg.OperationalError if it does not answer."""
    return _trace(store, "kind = 'data' and workspace_id = %s and id = any(%s)", workspace, list(requests))


def workspace_trace_of(store: DatabaseUrl, workspace: UUID) -> KeyTrace:
    """Looks for every key of `workspace`, its own and all below it. Raises as `trace_of`."""
    return _trace(store, "workspace_id = %s", workspace)


def _trace(store: DatabaseUrl, where: str, *values: UUID | list[UUID]) -> KeyTrace:
    with auditing(store) as connection:
        row = connection.execute(
            "select count(*) filter (where has_material), count(*) filter (where not has_material),"
            f" {_WHERE_AND_WHO} from keystore_material where {where}",
            values,
        ).fetchone()
    if row is None:
        raise RuntimeError("an aggregate always has a row")
    return KeyTrace(*row)
