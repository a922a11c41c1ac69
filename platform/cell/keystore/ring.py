"""Data keys for the gateway: asyncio, no ORM, a thread only to ask the root; keys of requests in flight are made durable
together.

A key is in the key store before anything sealed under it can be: otherwise a crash would leave a payload that nobody could
read or prove erased.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from uuid import UUID

import psycopg

from cell.ids import uuid7
from cell.keys.provider import KeyProvider
from cell.keystore import hierarchy, statements
from cell.keystore.asking import KeyRevoked, KeyStoreUnavailable, RootCalls
from cell.keystore.chain import EPOCH_TTL_S, ROTATIONS_IN_A_ROW, Chain, Epoch

__all__ = ["EPOCH_TTL_S", "KeyRefused", "KeyRevoked", "KeyRing", "KeyStoreUnavailable"]

_BATCH = 256


class KeyRefused(Exception):
    """The request was erased, or has its key already: there will be no new key for it."""


@dataclass(frozen=True, slots=True)
class _Place:
    workspace: UUID
    organization: UUID | None


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
        keys: KeyProvider,
        *,
        limit: int = 4096,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self._conninfo = conninfo
        self._keys = keys
        self._roots = RootCalls(clock)
        self._limit = limit
        self._clock = clock
        self._today = today
        self._connection: psycopg.AsyncConnection | None = None
        self._lock = asyncio.Lock()
        self._epochs: dict[tuple[UUID, date], Epoch] = {}
        self._opening: dict[tuple[UUID, date], asyncio.Task[Epoch]] = {}
        self._waiting: list[_Waiting] = []
        self._flusher: asyncio.Task[None] | None = None

    async def data_key(self, workspace: UUID, request: UUID, *, organization: UUID | None = None) -> bytes:
        """A new 32-byte key for the payload of `request`, durable in the key store.

        `organization` is whose log will tell of keys that are made on the way. Raises KeyRefused if the request was erased,
        KeyStoreUnavailable if the store cannot keep it now, or the root does not open the workspace's key.
        """
        if len(self._waiting) >= self._limit:
            raise KeyStoreUnavailable("too many keys wait for the key store")
        epoch = await self._epoch(_Place(workspace, organization), self._today())
        key = hierarchy.new_key()
        wrapped = hierarchy.wrap_data_key(epoch.key, key, workspace, request)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(request, workspace, epoch.id, wrapped, done))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        await done
        return key

    async def close(self) -> None:
        for opening in list(self._opening.values()):
            opening.cancel()
        if self._flusher is not None:
            await self._flusher
        self._epochs.clear()
        self._roots.close()
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            try:
                rows = await self._execute(
                    statements.INSERT_DATA,
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
                    # Or the epoch key was destroyed: then the next one who asks is to hear it from the store.
                    self._epochs = {name: epoch for name, epoch in self._epochs.items() if epoch.id != item.epoch}
                    _fail(item, KeyRefused("the request was erased, or has its key already"))
                elif not item.done.done():
                    item.done.set_result(None)

    async def _epoch(self, place: _Place, day: date) -> Epoch:
        """The epoch key of the workspace and day: unwrapped once for all who ask at the same time, then kept for a minute."""
        name = (place.workspace, day)
        cached = self._epochs.get(name)
        if cached is not None and cached.usable_until > self._clock():
            return cached
        opening = self._opening.get(name)
        if opening is None:
            opening = self._opening[name] = asyncio.create_task(self._open_epoch(place, day))
            opening.add_done_callback(partial(self._opened, name))
        return await asyncio.shield(opening)  # whoever hangs up does not take the key from the others

    def _opened(self, name: tuple[UUID, date], opening: asyncio.Task[Epoch]) -> None:
        del self._opening[name]
        if opening.cancelled() or opening.exception() is not None:
            return  # whoever waits is told; nothing old is used in the place of what cannot be had
        self._epochs[name] = opening.result()
        # Out of memory when its time is over, also if nobody asks again.
        asyncio.get_running_loop().call_later(EPOCH_TTL_S, self._forget, name)

    def _forget(self, name: tuple[UUID, date]) -> None:
        cached = self._epochs.get(name)
        if cached is not None and cached.usable_until <= self._clock():
            del self._epochs[name]

    async def _open_epoch(self, place: _Place, day: date) -> Epoch:
        for _ in range(ROTATIONS_IN_A_ROW):
            chain = await self._chain(place, day)
            opened = hierarchy.unwrap_workspace_key
            parent = await self._roots.ask(
                chain.own, opened, self._keys, chain.workspace_key, place.workspace, chain.own
            )
            if chain.epoch is None:
                wrapped = hierarchy.wrap_epoch_key(parent, hierarchy.new_key(), place.workspace, day)
                values = [uuid7(), place.workspace, day, wrapped, chain.version, place.workspace, chain.version]
                await self._execute(statements.INSERT_EPOCH, values, fetch=False)
                before, chain = chain, await self._chain(place, day)
                if chain.version != before.version:
                    continue  # rotated meanwhile: the key that was just opened is the old one
            if chain.epoch is not None:
                if chain.epoch_key is None:
                    raise KeyRefused("the epoch key of this day is destroyed")
                key = hierarchy.unwrap_epoch_key(parent, chain.epoch_key, place.workspace, day)
                return Epoch(chain.epoch, key, self._clock() + EPOCH_TTL_S)
        raise KeyStoreUnavailable("the workspace's key is being rotated")

    async def _chain(self, place: _Place, day: date) -> Chain:
        """What the store has for the workspace and day, at one moment. Makes the workspace's key if there is none: whoever comes
        first decides, all use the same one.
        """
        rows = await self._execute(statements.SELECT_CHAIN, [day, place.workspace])
        if not rows:
            fresh = hierarchy.new_key()
            wrapped = await self._roots.ask(None, hierarchy.wrap_workspace_key, self._keys, fresh, place.workspace)
            values = [uuid7(), place.workspace, place.organization, wrapped]
            await self._execute(statements.INSERT_WORKSPACE, values, fetch=False)
            rows = await self._execute(statements.SELECT_CHAIN, [day, place.workspace])
        return Chain.of(rows[0])

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
