"""Connections as an auditor: one of its own for each question, or one for many questions in a row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg

from cell.database_url import DatabaseUrl

_kept: ContextVar[dict[DatabaseUrl, psycopg.Connection[Any]] | None] = ContextVar("kept", default=None)


@contextmanager
def auditing(database: DatabaseUrl) -> Iterator[psycopg.Connection[Any]]:
    """A connection to ask `database`, each statement in a transaction of its own. Raises psycopg.OperationalError."""
    kept = _kept.get()
    if kept is None:
        with _connected(database) as connection:
            yield connection
        return
    if database not in kept or kept[database].closed:
        kept[database] = _connected(database)
    yield kept[database]


@contextmanager
def connections_kept() -> Iterator[None]:
    """Within it, all that is asked of one database in this thread is asked over one connection: making one takes longer than most
    questions.
    """
    kept: dict[DatabaseUrl, psycopg.Connection[Any]] = {}
    token = _kept.set(kept)
    try:
        yield
    finally:
        _kept.reset(token)
        for connection in kept.values():
            connection.close()


def _connected(database: DatabaseUrl) -> psycopg.Connection[Any]:
    return psycopg.connect(database.conninfo, connect_timeout=5, autocommit=True)
