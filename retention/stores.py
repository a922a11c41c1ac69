"""The contract of everything that holds data of a request, and the registry of who fulfils it.

An app that keeps such data registers its store from its AppConfig.ready, in every process alike:

    stores.register(RequestRecords())

`retention` knows no store by name. An erasure is certified only with evidence from every store that is registered, and from
every one that its manifest names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import UUID

from cell.access import WorkspaceRef
from cell.auditing import auditing
from cell.config import config
from cell.database_url import DatabaseUrl
from retention.models import ErasureScope


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be erased: requests, one or those of a subject, or all that a workspace holds."""

    workspace: WorkspaceRef
    erasure: UUID
    """Idempotency key of `execute`."""
    scope: ErasureScope
    requests: tuple[UUID, ...] = ()
    """The request (or several, where a ledger is replayed), or those of the subject that are known; empty for a workspace, of
    which every request is meant.
    """
    subject: bytes | None = None
    """The subject's pseudonym."""

    @property
    def whole(self) -> bool:
        """Whether all of the workspace is meant."""
        return self.scope is ErasureScope.WORKSPACE

    def where(self, column: str) -> tuple[str, tuple[object, ...]]:
        """A condition on a table with a `workspace_id` and the request's number in `column`, with its values."""
        if self.whole:
            return "workspace_id = %s", (self.workspace.id,)
        return f"workspace_id = %s and {column} = any(%s)", (self.workspace.id, list(self.requests))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a store still holds, asked again by other code and with another credential than those that erased."""

    remaining: int
    """Items that could still be read; only 0 lets an erasure end."""
    details: Mapping[str, str | int | bool] = field(default_factory=dict)
    """What was asked and who answered: ids, counts and positions, never data."""


class Store(Protocol):
    """Holds data of requests and can prove that it does not. Each method may be called any number of times, after any crash.

    The methods are called outside of any scope; those that need one open it. A store that no backup holds and that nothing can be
    asked of while a cell is put back (a cache, a queue) says `in_backups = False`: a replay of the ledger leaves it out.
    """

    name: str
    """A stable word, e.g. `payload-rows`; it stands in manifests and certificates."""
    method: str
    """How it erases, in a word or two for the certificate, e.g. `row deleted`."""
    holds_keys: bool
    """Stores of keys come first: what they sealed is unreadable from then on, wherever copies of it are."""
    scopes: frozenset[ErasureScope]
    """Which erasures it has anything to do with."""

    def plan(self, target: Target) -> int:
        """How many items of the target it holds. Changes nothing."""
        ...

    def execute(self, target: Target) -> None:
        """Erases them. Finding nothing is no error: another worker may have been here before it died."""
        ...

    def verify(self, target: Target) -> Evidence:
        """Looks again, as the auditor: see `ask_auditor`."""
        ...


ANY_SCOPE: Final = frozenset(ErasureScope)
WORKSPACE_ONLY: Final = frozenset((ErasureScope.WORKSPACE,))


class Index(Protocol):
    """Knows which requests are about a subject."""

    def requests(self, workspace: WorkspaceRef, subject: bytes) -> list[UUID]:
        """Those that are recorded, oldest first."""
        ...


_indexes: list[Index] = []


def register_index(index: Index) -> None:
    """Adds what knows the requests of subjects; once for each process."""
    _indexes.append(index)


def requests_of(workspace: WorkspaceRef, subject: bytes) -> list[UUID]:
    """The recorded requests about the subject with this pseudonym."""
    return sorted({request for index in _indexes for request in index.requests(workspace, subject)})


class UnknownStore(LookupError):
    """A manifest names a store that is not registered in this process: it cannot be verified."""


_registered: dict[str, Store] = {}


def register(store: Store) -> None:
    """Adds `store`; once for each name and process."""
    if store.name in _registered:
        raise ValueError(f"there are two stores called {store.name}")
    _registered[store.name] = store


def registered(scope: ErasureScope) -> list[Store]:
    """The stores that an erasure of this `scope` is about, keys first, then by name."""
    concerned = (store for store in _registered.values() if scope in store.scopes)
    return sorted(concerned, key=lambda store: (not store.holds_keys, store.name))


def store_named(name: str) -> Store:
    """Raises UnknownStore."""
    try:
        return _registered[name]
    except KeyError:
        raise UnknownStore(f"no store is called {name}") from None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the database said, and which server said it."""

    count: int
    role: str
    server: str
    """System identifier of the cluster."""
    lsn: str
    """Position in its write-ahead log."""

    @property
    def details(self) -> dict[str, str | int | bool]:
        return {"asked_as": self.role, "server": self.server, "lsn": self.lsn}


def keystore_auditor() -> DatabaseUrl:
    """The database of keys as the auditor sees it. Raises MissingAuditor."""
    url = config().keystore_auditor_database
    if url is None:
        raise MissingAuditor(
            "BAILIWICK_KEYSTORE_AUDITOR_DATABASE_URL is not set: this process cannot verify an erasure"
        )
    return url


def ask_auditor(statement: str, parameters: tuple[object, ...]) -> Answer:
    """Runs `statement`, which selects one count, as the auditor on a connection of its own.

    Raises MissingAuditor, or psycopg.OperationalError if the database does not answer.
    """
    url = config().auditor_database
    if url is None:
        raise MissingAuditor("BAILIWICK_AUDITOR_DATABASE_URL is not set: this process cannot verify an erasure")
    with auditing(url) as connection:
        row = connection.execute(
            f"select ({statement}), current_user::text, (select system_identifier::text from pg_control_system()),"
            " pg_current_wal_lsn()::text",
            parameters,
        ).fetchone()
    if row is None:
        raise RuntimeError("a select without a table always has a row")
    return Answer(*row)


class MissingAuditor(RuntimeError):
    """This process has no auditor's credential."""
