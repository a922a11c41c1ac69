"""Group commit: the entries of all requests in flight become durable together, before any of them is answered.

How to use it (one per process, on its event loop; no threads, no Django):

    commits = GroupCommit(conninfo, limit=4096, extra=[Insert("gateway_request", {"id": "uuid", "status": "text"})])
    await commits.start()
    pending = commits.submit(Item(id, tree, organization, workspace, Kind.INTENT, at, body))   # at admission
    …                                                                                          # inference runs meanwhile
    await pending                                                                              # before the first byte
    await commits.submit(Item(…, Kind.OUTCOME, …, rows=((record_row,),)))                      # before the last byte
    await commits.stop()                                                                       # writes what is left

What holds:

- When `await pending` returns, the entry and its rows are committed with `synchronous_commit = on`.
- `submit` raises AuditUnavailable when the queue is full or the database is away: nothing was and nothing will be written.
  Answer 503 with Retry-After. Outcomes are never refused here: there is one for each intent that was accepted.
- `await pending` raises AuditUnavailable when the database went away or stalled. The entry is **not dropped**: it is written
  when the database is back, so a caller whose intent failed answers 503 and still submits an outcome that says so.
- `await pending` raises EntryRejected when PostgreSQL refuses this very entry or one of its rows. Nothing of it was written;
  the others of its batch were.
- Entries and rows are inserted `on conflict do nothing`: the ids make a repetition harmless.

The next batch is whatever arrived while the last one was being committed. There is no timer: alone, an entry waits for its own
commit only; under load, batches grow by themselves.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from audit.arrays import column
from audit.entry import Kind
from audit.session import Session
from cell.telemetry import get_logger

BATCH = 512
"""Most entries in one commit: larger ones delay those that wait without costing less."""
STALL_S = 5.0
"""A commit that takes longer is a database that is away, as far as callers are concerned."""
_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S = 0.05, 1.0

log = get_logger(__name__)


class AuditUnavailable(Exception):
    """No entry, no answer: the log cannot take this one now. Answer 503 with Retry-After."""


class EntryRejected(AuditUnavailable):
    """PostgreSQL refused this entry or one of its rows for what it holds; repeating it would not help."""


@dataclass(frozen=True, slots=True)
class Insert:
    """A table that rows may be added to in the transaction of an entry."""

    table: str
    columns: Mapping[str, str]
    """Column to PostgreSQL type, one that `audit.arrays` knows; a row has one value for each, in this order."""


class Item(msgspec.Struct, frozen=True, gc=False):
    """An entry and what is to be committed with it."""

    id: UUID
    tree: str
    organization: UUID | None
    workspace: UUID | None
    kind: Kind
    occurred_at: datetime
    body: bytes
    rows: tuple[Sequence[tuple[Any, ...]], ...] = ()
    """Rows for each of the `extra` tables, in the order in which GroupCommit was given them."""


_ENTRY = Insert(
    "audit_entry",
    {
        "id": "uuid",
        "tree": "text",
        "organization_id": "uuid",
        "workspace_id": "uuid",
        "kind": "smallint",
        "occurred_at": "timestamptz",
        "body": "bytea",
    },
)


class GroupCommit:
    """The queue and its one flusher. `limit` bounds the entries that are queued, being written or waiting for the database."""

    def __init__(self, conninfo: str, *, limit: int, extra: Sequence[Insert] = ()) -> None:
        self._conninfo = conninfo
        self._limit = limit
        self._inserts = (_ENTRY, *extra)
        self._statements: dict[tuple[int, ...], bytes] = {}
        """By which of the tables have rows in a batch."""
        self._queue: deque[_Waiting] = deque()
        self._batch: list[_Waiting] = []
        """What is being committed."""
        self._arrived = asyncio.Event()
        self._stopping = False
        self._session: Session | None = None
        self._flusher: asyncio.Task[None] | None = None
        self.available = False
        """Whether entries are being taken; readiness asks this."""

    @property
    def pending(self) -> int:
        """Entries accepted and not yet known to be durable."""
        return len(self._queue) + len(self._batch)

    async def start(self) -> None:
        """Connects and starts the flusher. Raises psycopg.OperationalError if the database cannot be reached."""
        self._loop = asyncio.get_running_loop()
        await self._connect()
        self.available = True
        self._flusher = asyncio.create_task(self._run(), name="audit-group-commit")

    async def stop(self, patience_s: float = 10.0) -> None:
        """Writes what is queued, then ends. What a database that stays away did not take in `patience_s` is given up."""
        self._stopping = True
        self._arrived.set()
        if self._flusher is not None:
            done, _ = await asyncio.wait({self._flusher}, timeout=patience_s)
            if not done:
                log.error("audit.flusher.abandoned", entries=self.pending)
                self._flusher.cancel()
                await asyncio.wait({self._flusher}, timeout=patience_s)
        self._refuse_waiting()
        self._disconnect()

    def submit(self, item: Item) -> asyncio.Future[None]:
        """Queues `item`; the future is done when it is durable. Raises AuditUnavailable (see the module's page).

        Cancelling the future only stops the waiting: the entry is written all the same.
        """
        if item.kind is not Kind.OUTCOME:
            if not self.available or self._stopping:
                raise AuditUnavailable("the audit log cannot be written right now")
            if self.pending >= self._limit:
                raise AuditUnavailable("too many entries wait for the audit log")
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._queue.append((item, waiter))
        self._arrived.set()
        return waiter

    async def _run(self) -> None:
        backoff, proven = _FIRST_BACKOFF_S, True
        while True:
            stall = self._loop.call_later(STALL_S, self._unavailable, "stalled")
            try:
                await self._flush()
            except (psycopg.Error, OSError) as error:
                self._disconnect()
                if proven:  # the server may only have been restarted while we were idle: nobody need be told yet
                    proven = False
                    continue
                self._unavailable(getattr(error, "sqlstate", None) or type(error).__name__)
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, _LONGEST_BACKOFF_S)
                continue
            finally:
                stall.cancel()
            backoff, proven = _FIRST_BACKOFF_S, True
            self._recovered()
            if not self._queue:
                if self._stopping:
                    return
                self._arrived.clear()
                await self._arrived.wait()

    async def _flush(self) -> None:
        """Commits what is queued, up to a batch. When that fails it is queued again: nobody knows what became of it."""
        if self._session is None:
            await self._connect()
        # Whom the last commit woke runs first: the outcome of a request whose intent is durable now is in this batch.
        await asyncio.sleep(0)
        self._batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
        try:
            if self._batch:
                await self._commit(self._batch)
        except BaseException:
            self._queue.extendleft(reversed(self._batch))
            raise
        finally:
            self._batch = []

    async def _commit(self, batch: list[_Waiting]) -> None:
        """One statement, one round trip, one transaction. What fails for its own data is found by halving."""
        try:
            await self._insert([item for item, _ in batch])
        except Exception as error:
            if not _is_about_data(error):
                raise
            if len(batch) > 1:
                await self._commit(batch[: len(batch) // 2])
                await self._commit(batch[len(batch) // 2 :])
                return
            log.error("audit.entry.rejected", entry=str(batch[0][0].id), exc_info=error)
            _refuse(batch[0][1], EntryRejected("the audit log cannot take this entry"))
        else:
            for _, waiter in batch:
                if not waiter.done():
                    waiter.set_result(None)

    async def _insert(self, items: list[Item]) -> None:
        tables: list[list[tuple[Any, ...]]] = [
            [(i.id, i.tree, i.organization, i.workspace, i.kind.value, i.occurred_at, i.body) for i in items]
        ]
        for number in range(len(self._inserts) - 1):
            tables.append([row for item in items if number < len(item.rows) for row in item.rows[number]])
        chosen = tuple(number for number, rows in enumerate(tables) if rows)
        if chosen not in self._statements:
            self._statements[chosen] = _statement([self._inserts[number] for number in chosen])
        arrays = [
            column(type_, values)
            for number in chosen
            for type_, values in zip(
                self._inserts[number].columns.values(), zip(*tables[number], strict=True), strict=True
            )
        ]
        if self._session is None:
            raise psycopg.InterfaceError("not connected")
        await self._session.execute(self._statements[chosen], arrays)

    async def _connect(self) -> None:
        connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True, connect_timeout=5)
        # The server's default may be anything; acknowledged entries were lost with every other setting.
        await connection.execute("set synchronous_commit = on")
        self._session = Session(connection)

    def _disconnect(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _recovered(self) -> None:
        if not self.available:
            self.available = True
            log.info("audit.available", entries=self.pending)

    def _unavailable(self, reason: str) -> None:
        """Whoever waits is told no. What they wait for stays queued; a commit under way may yet succeed."""
        if self.available:
            self.available = False
            log.error("audit.unavailable", reason=reason, entries=self.pending)
        self._refuse_waiting()

    def _refuse_waiting(self) -> None:
        for _, waiter in (*self._batch, *self._queue):
            _refuse(waiter, AuditUnavailable("the audit log cannot be written right now"))


_Waiting = tuple[Item, "asyncio.Future[None]"]

_DATA_ERRORS = ("22", "23", "44", "54")
"""SQLSTATE classes of what a row holds: bad values, constraints, check options, sizes. Every other is the database's state."""


def _is_about_data(error: Exception) -> bool:
    if isinstance(error, psycopg.Error) and error.sqlstate is not None:
        return error.sqlstate[:2] in _DATA_ERRORS
    # Without a SQLSTATE it never reached the server: a value that has no form in PostgreSQL, or the connection.
    return not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | OSError)


def _refuse(waiter: asyncio.Future[None], error: AuditUnavailable) -> None:
    if not waiter.done():
        waiter.set_exception(error)
        waiter.exception()  # whoever stopped waiting must not leave "exception was never retrieved" behind


def _statement(inserts: Sequence[Insert]) -> bytes:
    """``with t0 as (insert …), t1 as (insert …) select`` over arrays: all tables in one statement and so one transaction.

    Every name in it is one that the code gave in an `Insert`.
    """
    parts = []
    places = count(1)
    for number, insert in enumerate(inserts):
        arrays = ", ".join(f"${next(places)}::{type_}[]" for type_ in insert.columns.values())
        parts.append(
            f"t{number} as (insert into {insert.table} ({', '.join(insert.columns)})"
            f" select * from unnest({arrays}) on conflict do nothing)"
        )
    return f"with {', '.join(parts)} select".encode()
