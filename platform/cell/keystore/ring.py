"""Data keys for the gateway: asyncio, no ORM, no threads; the keys of requests in flight are made durable together.

A key is in the key store before anything sealed under it can be: otherwise a crash would leave a payload that nobody could
read or prove erased.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cell.ids import uuid7
from cell.keys.provider import KeyProvider
from cell.keystore import hierarchy

EPOCH_TTL_S = 60.0
"""How long an unwrapped epoch key may be used before the store is asked again."""
_BATCH = 256

_INSERT = """
insert into keystore_data_key (id, workspace_id, epoch_id, wrapped, created_at)
select fresh.id, fresh.workspace_id, fresh.epoch_id, fresh.wrapped, clock_timestamp()
from unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::bytea[]) as fresh (id, workspace_id, epoch_id, wrapped)
join keystore_epoch_key epoch on epoch.id = fresh.epoch_id and epoch.wrapped is not null
for share of epoch
on conflict (id) do nothing
returning id
"""


class KeyStoreUnavailable(Exception):
    """The key store does not answer, or too much waits for it: nothing can be sealed now. Try again."""


class KeyRefused(Exception):
    """The request was erased, or has its key already: there will be no new key for it."""


@dataclass(frozen=True, slots=True)
class _Epoch:
    id: UUID
    key: AESGCM
    usable_until: float


@dataclass(frozen=True, slots=True)
class _Waiting:
    request: UUID
    workspace: UUID
    epoch: UUID
    wrapped: bytes
    done: asyncio.Future[None]


class KeyRing:
    """Makes data keys. One for each event loop; connects when first used and again by itself after a failure."""

    def __init__(
        self,
        conninfo: str,
        root: KeyProvider,
        *,
        limit: int = 4096,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self._conninfo = conninfo
        self._root = root
        self._limit = limit
        self._clock = clock
        self._today = today
        self._connection: psycopg.AsyncConnection | None = None
        self._lock = asyncio.Lock()
        self._epochs: dict[tuple[UUID, date], _Epoch] = {}
        self._waiting: list[_Waiting] = []
        self._flusher: asyncio.Task[None] | None = None

    async def data_key(self, workspace: UUID, request: UUID) -> bytes:
        """A new 32-byte key for the payload of `request`, durable in the key store.

        Raises KeyRefused if the request was erased, KeyStoreUnavailable if the store cannot keep it now.
        """
        if len(self._waiting) >= self._limit:
            raise KeyStoreUnavailable("too many keys wait for the key store")
        epoch = await self._epoch(workspace, self._today())
        key = hierarchy.new_key()
        wrapped = hierarchy.wrap_data_key(epoch.key, key, workspace, request)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(request, workspace, epoch.id, wrapped, done))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        await done
        return key

    async def close(self) -> None:
        if self._flusher is not None:
            await self._flusher
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            try:
                rows = await self._execute(
                    _INSERT,
                    [
                        [item.request for item in batch],
                        [item.workspace for item in batch],
                        [item.epoch for item in batch],
                        [item.wrapped for item in batch],
                    ],
                )
            except KeyStoreUnavailable as error:
                for item in batch:
                    _fail(item, error)
                continue
            kept = {request for (request,) in rows}
            for item in batch:
                if item.request not in kept:
                    _fail(item, KeyRefused("the request was erased, or has its key already"))
                elif not item.done.done():
                    item.done.set_result(None)

    async def _epoch(self, workspace: UUID, day: date) -> _Epoch:
        cached = self._epochs.get((workspace, day))
        if cached is not None and cached.usable_until > self._clock():
            return cached
        workspace_key = await self._workspace_key(workspace)
        wrapped = hierarchy.wrap_epoch_key(workspace_key, hierarchy.new_key(), workspace, day)
        row, wrapped = await self._make(
            "keystore_epoch_key", "workspace_id = %s and day = %s", {"workspace_id": workspace, "day": day}, wrapped
        )
        key = hierarchy.unwrap_epoch_key(workspace_key, wrapped, workspace, day)
        now = self._clock()
        self._epochs = {name: epoch for name, epoch in self._epochs.items() if epoch.usable_until > now}
        epoch = self._epochs[workspace, day] = _Epoch(row, key, now + EPOCH_TTL_S)
        return epoch

    async def _workspace_key(self, workspace: UUID) -> AESGCM:
        wrapped = hierarchy.wrap_workspace_key(self._root, hierarchy.new_key(), workspace)
        _, wrapped = await self._make(
            "keystore_workspace_key", "workspace_id = %s", {"workspace_id": workspace}, wrapped
        )
        return hierarchy.unwrap_workspace_key(self._root, wrapped, workspace)

    async def _make(
        self, table: str, where: str, columns: dict[str, UUID | date], wrapped: bytes
    ) -> tuple[UUID, bytes]:
        """The key's row, made with `wrapped` if there is none: whoever comes first decides, all use the same one."""
        values = list(columns.values())
        select = f"select id, wrapped from {table} where {where}"
        rows = await self._execute(select, values)
        if not rows:
            names = ", ".join(["id", *columns, "wrapped", "created_at"])
            places = ", ".join(["%s"] * (len(columns) + 2))
            insert = f"insert into {table} ({names}) values ({places}, clock_timestamp()) on conflict do nothing"
            await self._execute(insert, [uuid7(), *values, wrapped], fetch=False)
            rows = await self._execute(select, values)
        row, kept = rows[0]
        if kept is None:
            raise KeyRefused("the key above this one is destroyed")
        return row, kept

    async def _execute(self, statement: str, values: Sequence[object], *, fetch: bool = True) -> list[tuple[Any, ...]]:
        async with self._lock:
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = await psycopg.AsyncConnection.connect(
                        self._conninfo, autocommit=True, connect_timeout=5
                    )
                cursor = await self._connection.execute(statement, values)
                return await cursor.fetchall() if fetch else []
            except psycopg.OperationalError as error:
                if self._connection is not None:
                    await self._connection.close()
                    self._connection = None
                raise KeyStoreUnavailable("the key store does not answer") from error


def _fail(item: _Waiting, error: Exception) -> None:
    if not item.done.done():
        item.done.set_exception(error)
