"""One workspace under erasure, and what should be true of it: what the stateful test compares the database with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from audit.entry import Kind
from audit.groupcommit import GroupCommit
from cell.access import WorkspaceRef
from cell.config import config
from cell.ids import uuid7
from cell.keys import cell_keys
from cell.keystore.asking import KeyStoreUnavailable
from cell.keystore.ring import KeyRing
from cell.pseudonyms import subject_key, subject_pseudonym
from inference.gateway.records import REQUEST_ROWS
from retention.vault import PAYLOADS, PayloadRow, Vault
from tests.retention.requests import ANSWER, PROMPT, item, record


@dataclass
class Served:
    """A request, from when it began."""

    id: UUID
    subject: str | None
    row: PayloadRow | None
    """Sealed and not yet stored, unless it has ended; None if it is not to be stored, or if the key store refused."""
    ended: bool = False
    refused: bool = False
    """Whether it ended behind a fence."""
    expired: bool = False

    @property
    def stored(self) -> bool:
        return self.ended and self.row is not None and not self.refused and not self.expired


@dataclass(frozen=True)
class Asked:
    id: UUID
    scope: str
    state: str
    request: UUID | None
    subject: bytes | None
    fenced_at: datetime | None
    before: UUID | None
    certified: bool
    final: bool

    @property
    def fenced(self) -> bool:
        return self.fenced_at is not None


@dataclass
class Seen:
    """What is committed of the workspace, as the auditors see it."""

    erasures: dict[UUID, Asked]
    payloads: set[UUID]
    named: set[UUID]
    """Requests whose record has a pseudonym."""
    late: set[UUID]
    keys: set[UUID]
    """Requests whose data key has material."""
    any_key: bool


_ERASURES = """
select e.id, e.scope, e.state, e.request_id, e.subject, e.fenced_at, f.before, e.certificate is not null,
       e.final_certificate is not null
from retention_erasure e left join retention_fence f on f.erasure_id = e.id where e.workspace_id = %s
"""
_ALL_OF = (
    "select md5(coalesce(string_agg(t::text, ',' order by t::text), '')) from retention_payload t where workspace_id = %s",
    "select md5(coalesce(string_agg(t::text, ',' order by t::text), '')) from gateway_request t where workspace_id = %s",
    "select md5(coalesce(string_agg(t::text, ',' order by t::text), '')) from retention_tombstone t where workspace_id = %s",
)


@dataclass
class Auditor:
    """Looks at everything, over connections that cannot change anything."""

    database: psycopg.Connection[Any] = field(init=False)
    keys: psycopg.Connection[Any] = field(init=False)

    def __post_init__(self) -> None:
        ours, theirs = config().auditor_database, config().keystore_auditor_database
        assert ours is not None
        assert theirs is not None
        self.database = psycopg.connect(ours.conninfo, autocommit=True)
        self.keys = psycopg.connect(theirs.conninfo, autocommit=True)

    def see(self, workspace: WorkspaceRef) -> Seen:
        mine = workspace.id
        material = self.keys.execute(
            "select id, kind from keystore_material where workspace_id = %s and has_material", [mine]
        ).fetchall()
        return Seen(
            erasures={row[0]: Asked(*row) for row in self.database.execute(_ERASURES, [mine])},
            payloads=self._ids("select id from retention_payload where workspace_id = %s", mine),
            named=self._ids("select id from gateway_request where workspace_id = %s and subject is not null", mine),
            late=self._ids("select request_id from retention_tombstone where workspace_id = %s and late", mine),
            keys={key for key, kind in material if kind == "data"},
            any_key=bool(material),
        )

    def image(self, workspace: WorkspaceRef) -> tuple[Any, ...]:
        """Equal only if every byte of the workspace's rows is."""
        keys = self.keys.execute(
            "select md5(coalesce(string_agg(t::text, ',' order by t::text), '')) from keystore_material t"
            " where workspace_id = %s",
            [workspace.id],
        ).fetchall()
        return (*(self.database.execute(query, [workspace.id]).fetchall() for query in _ALL_OF), keys)

    def close(self) -> None:
        self.database.close()
        self.keys.close()

    def _ids(self, query: str, workspace: UUID) -> set[UUID]:
        return {row[0] for row in self.database.execute(query, [workspace])}  # type: ignore[call-overload]


def pseudonym(workspace: WorkspaceRef, subject: str | None) -> bytes | None:
    return None if subject is None else subject_pseudonym(subject_key(workspace.id), subject)


def begin(workspace: WorkspaceRef, subject: str | None, *, stored: bool) -> Served:
    """A request up to where its answer is there: its intent is in the log, its key durable, its payload sealed."""
    request = uuid7()

    async def beginning() -> PayloadRow | None:
        commits = GroupCommit(config().database.conninfo, limit=16, extra=[REQUEST_ROWS, PAYLOADS])
        vault = Vault(KeyRing(config().keystore_database.conninfo, cell_keys()))
        await commits.start()
        try:
            await commits.submit(item(workspace, request, Kind.INTENT))
            if not stored:
                return None
            return await vault.prepare(workspace.id, workspace.organization, request, PROMPT, ANSWER)
        except KeyStoreUnavailable:  # the workspace's key is destroyed
            return None
        finally:
            await commits.stop()
            await vault.close()

    return Served(request, subject, asyncio.run(beginning()))


def end(workspace: WorkspaceRef, served: Served) -> None:
    """Commits its outcome, with record and payload."""

    async def ending() -> None:
        commits = GroupCommit(config().database.conninfo, limit=16, extra=[REQUEST_ROWS, PAYLOADS])
        await commits.start()
        try:
            about = record(workspace, served.id, pseudonym(workspace, served.subject))
            await commits.submit(item(workspace, served.id, Kind.OUTCOME, served.row, about))
        finally:
            await commits.stop()

    asyncio.run(ending())
    served.ended = True
