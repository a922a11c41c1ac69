"""Data keys for code that is not asynchronous, as `ring` makes them; and the process's own connection to the key store.

In autocommit mode and apart from Django's: a key is durable before anything sealed with it can be committed, and what a
caller's transaction rolls back does not take a key along that another one has seen.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import psycopg

from cell.config import config
from cell.ids import uuid7
from cell.keys import RootRefused, RootUnavailable, UnwrapError, cell_keys
from cell.keystore import hierarchy, statements
from cell.keystore.asking import KeyRevoked, KeyStoreUnavailable
from cell.keystore.chain import EPOCH_TTL_S, ROTATIONS_IN_A_ROW, Chain, Epoch
from cell.keystore.ring import KeyRefused

_MOST_EPOCHS = 1024


_epochs: dict[tuple[UUID, date], Epoch] = {}


def data_key(owner: UUID, number: UUID, *, organization: UUID) -> bytes:
    """A new 32-byte key with the id `number` under today's epoch key of `owner`, durable in the key store.

    `owner` is a workspace of `organization`, or the organization itself for what belongs to none of them. May block on the root.
    Raises KeyRefused if `number` was erased or has its key already, KeyStoreUnavailable (KeyRevoked if somebody took the key
    above it away).
    """
    epoch = _epoch(owner, organization, datetime.now(UTC).date())
    key = hierarchy.new_key()
    wrapped = hierarchy.wrap_data_key(epoch.key, key, owner, number)
    if not execute(statements.INSERT_DATA, [[number], [owner], [epoch.id], [wrapped]]):
        _epochs.clear()  # or the epoch key was destroyed: the next one who asks is to hear it from the store
        raise KeyRefused("what this key is for was erased, or has its key already")
    return key


def living_data_keys(numbers: Sequence[UUID]) -> set[UUID]:
    """Those of `numbers` whose data key could still be unwrapped."""
    rows = execute(
        "select data.id from keystore_data_key data join keystore_epoch_key epoch on epoch.id = data.epoch_id"
        " join keystore_workspace_key parent on parent.workspace_id = data.workspace_id"
        " where data.id = any(%s) and data.wrapped is not null and epoch.wrapped is not null and parent.wrapped is not null",
        [list(numbers)],
    )
    return {number for (number,) in rows}


def forget() -> None:
    """Has this process ask the store again for every epoch key."""
    _epochs.clear()


def _epoch(owner: UUID, organization: UUID, day: date) -> Epoch:
    known, at = _epochs.get((owner, day)), time.monotonic()
    if known is not None and known.usable_until > at:
        return known
    try:
        made = _open_epoch(owner, organization, day)
    except (RootRefused, UnwrapError) as error:
        raise KeyRevoked(str(error)) from error
    except RootUnavailable as error:
        raise KeyStoreUnavailable(str(error)) from error
    for name in [name for name, epoch in list(_epochs.items()) if epoch.usable_until <= at]:
        _epochs.pop(name, None)
    if len(_epochs) < _MOST_EPOCHS:
        _epochs[owner, day] = made
    return made


def _open_epoch(owner: UUID, organization: UUID, day: date) -> Epoch:
    for _ in range(ROTATIONS_IN_A_ROW):
        chain = _chain(owner, organization, day)
        parent = hierarchy.unwrap_workspace_key(cell_keys(), chain.workspace_key, owner, chain.own)
        if chain.epoch is None:
            wrapped = hierarchy.wrap_epoch_key(parent, hierarchy.new_key(), owner, day)
            before = chain.version
            execute(statements.INSERT_EPOCH, [uuid7(), owner, day, wrapped, before, owner, before], fetch=False)
            chain = _chain(owner, organization, day)
            if chain.version != before:
                continue  # rotated meanwhile: the key that was just opened is the old one
        if chain.epoch is not None:
            if chain.epoch_key is None:
                raise KeyRevoked("the epoch key of this day is destroyed")
            key = hierarchy.unwrap_epoch_key(parent, chain.epoch_key, owner, day)
            return Epoch(chain.epoch, key, time.monotonic() + EPOCH_TTL_S)
    raise KeyStoreUnavailable("the workspace's key is being rotated")


def _chain(owner: UUID, organization: UUID, day: date) -> Chain:
    """What the store has for the owner and day; makes the owner's key if there is none."""
    rows = execute(statements.SELECT_CHAIN, [day, owner])
    if not rows:
        wrapped = hierarchy.wrap_workspace_key(cell_keys(), hierarchy.new_key(), owner)
        execute(statements.INSERT_WORKSPACE, [uuid7(), owner, organization, wrapped], fetch=False)
        rows = execute(statements.SELECT_CHAIN, [day, owner])
    return Chain.of(rows[0])


_lock = threading.Lock()
_open: tuple[int, psycopg.Connection[Any]] | None = None
"""The process that opened the connection, and the connection: a forked child does not write into its parent's."""


def execute(statement: str, values: Sequence[object], *, fetch: bool = True) -> list[tuple[Any, ...]]:
    """Runs one statement, committed when this returns; for this package. Raises KeyStoreUnavailable."""
    with _lock:
        try:
            return _run(_connection(fresh=False), statement, values, fetch)
        except psycopg.OperationalError:
            # The server may only have been restarted. Whatever is repeated here is harmless: at worst a new key is refused.
            try:
                return _run(_connection(fresh=True), statement, values, fetch)
            except psycopg.OperationalError as error:
                raise KeyStoreUnavailable("the key store does not answer") from error


def _run(
    connection: psycopg.Connection[Any], statement: str, values: Sequence[object], fetch: bool
) -> list[tuple[Any, ...]]:
    cursor = connection.execute(statement, values)
    return cursor.fetchall() if fetch else []


def _connection(*, fresh: bool) -> psycopg.Connection[Any]:
    global _open
    if _open is not None and _open[0] == os.getpid():
        if not fresh and not _open[1].closed:
            return _open[1]
        _open[1].close()
    made = psycopg.connect(config().keystore_database.conninfo, autocommit=True, connect_timeout=5)
    _open = os.getpid(), made
    return made
