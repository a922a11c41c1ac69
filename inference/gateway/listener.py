"""Hears about changed keys and workspaces on a connection of its own, and proves every moment that it still does.

The same connection tells the cell that this process lives, so that requests it leaves behind can be closed by others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any
from uuid import UUID

import psycopg

from cell.telemetry import get_logger
from inference.gateway.grants import Grants

BEAT_S = 0.4
"""Between proofs that the channel works; with `ANSWER_S` it stays below the second after which grants are doubted."""
ANSWER_S = 0.5
RECONNECT_S = 0.5
SEEN_EVERY_S = 2.0
DEAD_AFTER_S = 10.0
"""A process that was not seen for so long is taken for dead."""

_SEEN = """
    with seen as (
        insert into gateway_process (tag, started_at, seen_at) values (%(tag)s, now(), now())
        on conflict (tag) do update set seen_at = excluded.seen_at
    )
    select 1 + count(*) from gateway_process
    where tag <> %(tag)s and left_at is null and seen_at > now() - make_interval(secs => %(dead_after_s)s)
"""
_LEFT = "update gateway_process set left_at = now() where tag = %s"

log = get_logger(__name__)


class ChangeListener:
    """LISTENs to `key_changed` (a key id) and `workspace_changed` (a workspace's uuid).

    Needs a direct connection: a pooler in transaction mode loses notifications.
    """

    def __init__(self, conninfo: str, grants: Grants, process_tag: int, counted: Callable[[int], None]) -> None:
        """`counted` is told how many web processes there are, this one included."""
        self._conninfo = conninfo
        self._grants = grants
        self._process_tag = process_tag
        self._counted = counted
        self._seen_at = -SEEN_EVERY_S

    async def arrive(self) -> None:
        """Makes this process known to the others, and them to it, before it serves. Raises psycopg.OperationalError."""
        async with await self._connect() as connection:
            await self._beat(connection, monotonic())

    async def depart(self) -> None:
        """This process serves no more, so others may have its share. If that cannot be said, they find out."""
        try:
            async with asyncio.timeout(ANSWER_S), await self._connect() as connection:
                await connection.execute(_LEFT, [self._process_tag])
        except (psycopg.Error, TimeoutError, OSError) as error:
            log.warning("gateway.listener.lost", code=type(error).__name__)

    async def run(self) -> None:
        """Listens until it is cancelled; reconnects by itself."""
        while True:
            try:
                await self._listen()
            except (psycopg.Error, TimeoutError, OSError) as error:
                log.warning("gateway.listener.lost", code=type(error).__name__)
            await asyncio.sleep(RECONNECT_S)

    async def _listen(self) -> None:
        async with await self._connect() as connection:
            await connection.execute("listen key_changed")
            await connection.execute("listen workspace_changed")
            # A sign of life that a crash of the database forgets is repeated soon enough.
            await connection.execute("set synchronous_commit = off")
            # What changed while nobody listened is not known.
            self._grants.forget_all()
            while True:
                asked = monotonic()
                await asyncio.wait_for(self._beat(connection, asked), ANSWER_S)
                # Notifications that came with that answer are yielded first, so they are applied before the confirmation.
                async for note in connection.notifies(timeout=0):
                    self._apply(note)
                self._grants.confirm(asked)
                async for note in connection.notifies(timeout=BEAT_S):
                    self._apply(note)

    async def _connect(self) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        return await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True, connect_timeout=5)

    async def _beat(self, connection: psycopg.AsyncConnection[tuple[Any, ...]], asked: float) -> None:
        if asked - self._seen_at < SEEN_EVERY_S:
            await connection.execute("select 1")
            return
        cursor = await connection.execute(_SEEN, {"tag": self._process_tag, "dead_after_s": DEAD_AFTER_S})
        row = await cursor.fetchone()
        self._counted(1 if row is None else row[0])
        self._seen_at = asked

    def _apply(self, note: psycopg.Notify) -> None:
        if note.channel == "key_changed":
            self._grants.forget_key(note.payload)
            return
        try:
            self._grants.forget_workspace(UUID(note.payload))
        except ValueError:
            # Not a uuid: better to ask again for all than to miss the one it meant.
            self._grants.forget_all()
